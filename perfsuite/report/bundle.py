"""The script that draws the charts: Vega, Vega-Lite and Vega-Embed in one, made from the installed package.

About 0.9 MB, made in about 1.2 s, once per process.
"""

from __future__ import annotations

from functools import cache

import vl_convert


@cache
def chart_script() -> str:
    """The script, fit to stand between `<script>` and `</script>`; it defines `window.vegaEmbed`."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return script_safe(script)


def script_safe(script: str) -> str:
    """`script` without what would end or confuse a script element; the same program.

    These sequences occur only within strings and regular expressions, where the backslash changes nothing.
    """
    return script.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script").replace("<!--", "<\\!--")
