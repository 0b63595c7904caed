// The seven-role mix without pauses: each virtual user logs in, then performs the behaviours of its role in order.
import http from 'k6/http';
import { check } from 'k6';

const mix = JSON.parse(open(__ENV.MIX));
let role = null;
let headers = {};
let turn = 0;
const turns = {};

function right(step, answer) {
  if (!step.status.includes(answer.status)) return false;
  let body = answer.json();
  for (const key of step.holder) body = body[key];
  if (step.list === null) return step.fields.every((name) => name in body);
  const rows = step.list ? body[step.list] : body;
  return Array.isArray(rows) && rows.every((row) => step.fields.every((name) => name in row));
}

function logIn() {
  const user = mix.users[(__VU - 1) % mix.users.length];
  const body = JSON.stringify({ phone_number: user.phone, password: 'secret' });
  const json = { 'Content-Type': 'application/json' };
  const answer = http.post(`${__ENV.HOST}/api/v1/auth/login`, body, { headers: json });
  check(answer, { 'logged in': (got) => got.status === 200 });
  headers = Object.assign({ Authorization: `Bearer ${answer.json().access_token}` }, json);
  role = JSON.parse(JSON.stringify(mix.roles[user.role]).replaceAll('ACCOUNT', user.phone));
  turn = __VU;
  for (const behaviour of role.behaviours) {
    for (const step of behaviour) step.body = step.body === null ? null : JSON.stringify(step.body);
  }
}

export default function () {
  if (role === null) logIn();
  const number = role.order[turn++ % role.order.length];
  turns[number] = (turns[number] || 0) + 1;
  for (const step of role.behaviours[number]) {
    if (turns[number] % step.every) continue;
    const answer = http.request(step.method, `${__ENV.HOST}${step.path}`, step.body, { headers });
    check(answer, { 'right answer': (got) => right(step, got) });
  }
}
