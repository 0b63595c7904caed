// Users that log in and then think for half an hour.
import http from 'k6/http';
import { check, sleep } from 'k6';

export default function () {
  const body = JSON.stringify({ phone_number: `9500${100000 + __VU}`, password: 'secret' });
  const headers = { 'Content-Type': 'application/json' };
  const answer = http.post(`${__ENV.HOST}/api/v1/auth/login`, body, { headers });
  check(answer, { 'logged in': (got) => got.status === 200 && 'access_token' in got.json() });
  sleep(1800);
}
