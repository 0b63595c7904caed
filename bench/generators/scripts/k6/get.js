// One GET an iteration: bare, with checks (CHECKED), or at a fixed rate of arrivals (RATE per second for SECONDS).
import http from 'k6/http';
import { check } from 'k6';

const url = `${__ENV.HOST}/health`;
const arrivals = {
  executor: 'constant-arrival-rate', rate: Number(__ENV.RATE), timeUnit: '1s', duration: `${__ENV.SECONDS}s`,
  preAllocatedVUs: Number(__ENV.USERS), maxVUs: Number(__ENV.USERS),
};
export const options = __ENV.RATE ? { scenarios: { arrivals } } : {};

const checks = {
  'status is 200': (answer) => answer.status === 200,
  'promised fields': (answer) => {
    const body = answer.json();
    return 'status' in body && 'service' in body && 'version' in body;
  },
};

export default function () {
  const answer = http.get(url);
  if (__ENV.CHECKED) check(answer, checks);
}
