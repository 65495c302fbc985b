// A real OpenID Connect provider (panva's oidc-provider) for tests, which does as it is told at /told: it hangs, answers
// pages, signs by new keys, or has its clock put wrong. Says its issuer on standard output, and ends with its input.

import crypto from 'node:crypto';
import http from 'node:http';

const { default: Provider } = await import(
  new URL('../../js/node_modules/oidc-provider/lib/index.js', import.meta.url)
);

const told = { answers: 'well', people: {}, skew: 0 };
const client = JSON.parse(process.argv[2]);
const now = Date.now;
Date.now = () => now() + told.skew * 1000;

function signingKey() {
  const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: crypto.randomUUID(), alg: 'RS256', use: 'sig' };
}

const server = http.createServer(answer);
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;
let handle;

function begin() {
  const provider = new Provider(issuer, {
    clients: [client],
    cookies: { keys: ['a secret of the test'] },
    jwks: { keys: [signingKey()] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'], groups: ['groups'] },
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...told.people[id] }) }),
  });
  handle = provider.callback();
}

async function answer(request, response) {
  if (request.url === '/told') {
    let body = '';
    for await (const part of request) body += part;
    const { keys, ...rest } = JSON.parse(body);
    Object.assign(told, rest);
    if (keys === 'new') begin();
    response.writeHead(204).end();
  } else if (told.answers === 'nothing') {
    // It takes the question, and never says anything.
  } else if (told.answers === 'pages') {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome to the hotel</h1>');
  } else if (told.answers === 'without end') {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = () => response.destroyed || response.write(' '.repeat(65536), () => setImmediate(more));
    more();
  } else {
    handle(request, response);
  }
}

begin();
process.stdout.write(`${issuer}\n`);
process.stdin.resume().on('end', () => process.exit(0));
