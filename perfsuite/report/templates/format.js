"use strict";
// Numbers as text by the rules of perfsuite/format.py, for the scripts of the report and of the page of all runs.
const format = (() => {
  const UNKNOWN = "–";
  const SUFFIXES = { "": "", count: "", percent: " %", "per second": "/s", "ms per second": " ms/s" };
  const SIZES = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];

  const decimals = (value) => {
    const size = Math.abs(value);
    if (Math.abs(size - Math.round(size)) < 1e-9) return 0;
    if (size < 0.0995) return Math.min(1 - Math.floor(Math.log10(size)), 9);
    return size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  };
  const fixed = (value, digits) => {
    const rounded = Number(value.toFixed(digits));
    return rounded.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  };
  const setting = (value) => value.toLocaleString("en", { maximumFractionDigits: 9 });
  const number = (value) => (value === null || value === undefined ? UNKNOWN : fixed(value, decimals(value)));
  const percent = (fraction) => {
    if (fraction > 0 && fraction < 0.0001) return "< 0.01 %";
    if (fraction > 0.9999 && fraction < 1) return "> 99.99 %";
    const near = (fraction > 0 && fraction < 0.01) || (fraction > 0.99 && fraction < 1);
    return `${fixed(fraction * 100, near ? 2 : decimals(fraction * 100))} %`;
  };
  const bytes = (value) => {
    const [size, name] = SIZES.find(([least]) => Math.abs(value) >= least) ?? [1, "bytes"];
    return `${number(size > 1 ? value / size : Math.round(value))} ${name}`;
  };
  const quantity = (value, unit) => {
    if (value === null || value === undefined) return UNKNOWN;
    if (unit === "fraction") return percent(value);
    if (unit.startsWith("bytes")) return bytes(value) + (unit.endsWith("per second") ? "/s" : "");
    return number(value) + (SUFFIXES[unit] ?? ` ${unit}`);
  };
  const signed = (text, value) => (value > 0 ? "+" : value < 0 ? "-" : "") + text;
  const signedPercent = (fraction) => {
    const hundred = Math.abs(fraction * 100);
    return hundred < 0.05 ? "0 %" : `${signed(fixed(hundred, hundred >= 9.95 ? 0 : 1), fraction)} %`;
  };
  const clock = (seconds) => {
    const two = (value) => String(value).padStart(2, "0");
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    return `${hours ? `${hours}:` : ""}${two(minutes)}:${two(seconds % 60)}`;
  };
  const plural = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
  return { number, setting, quantity, signed, signedPercent, plural, clock };
})();

// Errors are counted where a test can see them; "scripted" shows what needs a script.
window.addEventListener("error", (event) => {
  const { dataset } = document.documentElement;
  dataset.errors = Number(dataset.errors ?? 0) + 1;
  console.error(String(event.message));
});
document.documentElement.classList.add("scripted");
