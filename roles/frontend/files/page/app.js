// The platform's own page: who is signed in, how the gateways are, and a request to one of them.
import { Session, SignInError } from './auth.js';

const SETTINGS = '/config.json';
const NEEDED = ['issuer', 'client_id', 'sign_in_url', 'gateways'];
// As much of an answer is shown.
const MOST_SHOWN = 20_000;
const LONGEST_WAIT = 120_000;

const MEANINGS = {
  400: "The gateway doesn't understand the request.",
  401: "The gateway doesn't accept the sign-in. Sign out, and in again.",
  403: 'Not allowed: by the gateway for this person, or by the firewall in front of it.',
  404: 'The gateway has nothing at this path.',
  405: 'The gateway has this path, but not for this method.',
  413: 'The request is too large.',
  422: 'The gateway takes other fields than these.',
  429: 'Too many requests. Wait a little.',
  500: 'The gateway has failed. Its logs say why.',
  502: 'The load balancer gets no answer from the gateway.',
  503: 'No copy of the gateway is ready.',
  504: 'The gateway has taken too long.',
};

const $ = (id) => document.getElementById(id);
let session;
let gateways = [];

class PageError extends Error {
  constructor(title, text) {
    super(text);
    this.title = title;
  }
}

function show(...ids) {
  for (const id of ['status', 'signed-out', 'signed-in', 'person']) {
    $(id).hidden = !ids.includes(id);
  }
}

function tell(error) {
  const known = error instanceof PageError || error instanceof SignInError;
  $('problem-title').textContent = error.title ?? (known ? 'Signing in has failed' : 'Something went wrong');
  $('problem-text').textContent = error.message;
  $('problem').hidden = false;
}

function busy(text) {
  $('problem').hidden = true;
  $('status').textContent = text;
  show('status');
}

async function settings() {
  let answer;
  try {
    answer = await fetch(SETTINGS, { cache: 'no-store', credentials: 'omit' });
  } catch {
    throw new PageError("The platform can't be reached", 'Check the connection, and try again.');
  }
  // Where there is no such file, storage says that it is forbidden.
  if (answer.status === 403 || answer.status === 404) {
    throw new PageError(
      'Not set up yet',
      `The platform's settings haven't been published. Run the component "configuration", and try again.`,
    );
  }
  const told = await answer.json().catch(() => null);
  if (!answer.ok || told === null) {
    throw new PageError("The platform's settings can't be read", `${SETTINGS} has answered with status ${answer.status}.`);
  }
  if (NEEDED.some((name) => !told[name])) {
    throw new PageError(
      'Nobody can sign in yet',
      `The platform has no user pool with sign-in pages. Run the components "cognito" and "configuration", and try again.`,
    );
  }
  return told;
}

async function start() {
  busy('Loading…');
  const here = new URL(location.href);
  try {
    const config = await settings();
    gateways = config.gateways;
    session = new Session(config);
    if (here.pathname === '/callback') {
      // A code in the address is of no use to anybody any more, and needn't be seen.
      history.replaceState(null, '', '/');
      busy('Signing in…');
      await session.finish(here.searchParams);
    } else if (here.pathname === '/logout') {
      history.replaceState(null, '', '/');
    } else {
      await session.resume();
    }
  } catch (error) {
    tell(error);
    show(...(session ? ['signed-out'] : []));
    return;
  }
  if (session.person) {
    welcome();
  } else {
    show('signed-out');
  }
}

function welcome() {
  const { email, name, 'cognito:groups': groups = [], 'cognito:username': username } = session.person;
  $('name').textContent = name ?? email ?? username;
  $('groups').textContent = groups.length ? `(${groups.join(', ')})` : '';
  $('gateway').replaceChildren(...gateways.map((gateway) => new Option(gateway.name, gateway.name)));
  $('ask').hidden = gateways.length === 0;
  show('signed-in', 'person');
  look();
}

function expired() {
  show('signed-out');
  tell(new PageError('The sign-in has ended', 'Sign in again to go on.'));
}

// Sends a request with the person's token. A gateway that refuses it gets a new one, once.
async function send(url, options = {}) {
  for (let attempt = 1; ; attempt += 1) {
    const token = await session.token();
    if (token === null) {
      expired();
      return null;
    }
    const answer = await fetch(url, {
      ...options,
      headers: { ...options.headers, Authorization: `Bearer ${token}` },
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'manual',
      signal: AbortSignal.timeout(LONGEST_WAIT),
    });
    if (answer.status !== 401 || attempt === 2) {
      return answer;
    }
    await session.renew();
  }
}

// What an answer means, for people. Storage and the pages answer where nothing leads to the gateways.
function meaning(answer, text) {
  if (answer.type === 'opaqueredirect') {
    return "The gateway leads to another address, where this page doesn't follow.";
  }
  const kind = answer.headers.get('Content-Type') ?? '';
  if (kind.includes('xml') || (answer.ok && kind.includes('text/html') && text.includes('src="/app.js"'))) {
    return `Nothing leads to the gateways yet. Run the component "vpc_origin" when they are there.`;
  }
  return answer.ok ? '' : (MEANINGS[answer.status] ?? "The gateway hasn't done it.");
}

function unreachable(error) {
  if (error instanceof SignInError) {
    return error.message;
  }
  return error.name === 'TimeoutError'
    ? 'No answer for two minutes.'
    : 'No answer: the connection was refused or has ended. Check the network, and try again.';
}

async function look() {
  $('look').disabled = true;
  if (gateways.length === 0) {
    const item = document.createElement('li');
    item.textContent = 'No gateways are published.';
    $('gateways').replaceChildren(item);
  }
  await Promise.all([...gateways.map(card)].map(([gateway, line]) => health(gateway, line)));
  $('look').disabled = false;
}

function card(gateway, index) {
  const [item, name, path, line] = ['li', 'strong', 'code', 'p'].map((tag) => document.createElement(tag));
  name.textContent = gateway.name;
  path.textContent = gateway.path;
  line.textContent = 'Asking…';
  item.append(name, path, line);
  if (index === 0) {
    $('gateways').replaceChildren();
  }
  $('gateways').append(item);
  return [gateway, line];
}

async function health(gateway, line) {
  try {
    const answer = await send(`${gateway.path}/health`);
    if (answer === null) {
      return;
    }
    const told = meaning(answer, await answer.text());
    line.textContent = told ? `${answer.status || 'No answer'}: ${told}` : 'Answers';
    line.className = told ? 'bad' : 'good';
  } catch (error) {
    line.textContent = unreachable(error);
    line.className = 'bad';
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function ask(event) {
  event.preventDefault();
  const gateway = gateways.find((one) => one.name === $('gateway').value);
  const method = $('method').value;
  const options = { method };
  $('body-problem').hidden = true;
  if (method === 'POST') {
    try {
      options.body = JSON.stringify(JSON.parse($('body').value));
      options.headers = { 'Content-Type': 'application/json' };
    } catch (error) {
      $('body-problem').textContent = `That isn't JSON: ${error.message}`;
      $('body-problem').hidden = false;
      $('body').focus();
      return;
    }
  }
  const url = `${gateway.path}/${$('path').value.replace(/^\/+/, '')}`;
  const began = performance.now();
  $('send').disabled = true;
  try {
    const answer = await send(url, options);
    if (answer !== null) {
      const text = await answer.text();
      const title = `${answer.status || 'No answer'} ${answer.statusText}`.trim();
      report(`${title} in ${Math.round(performance.now() - began)} ms`, meaning(answer, text), pretty(text));
    }
  } catch (error) {
    report('No answer', unreachable(error), '');
  } finally {
    $('send').disabled = false;
  }
}

function report(title, text, body) {
  const more = body.length > MOST_SHOWN ? `\n… and ${body.length - MOST_SHOWN} characters more` : '';
  $('answer-title').textContent = title;
  $('answer-text').textContent = text;
  $('answer-text').className = text ? 'wrong' : '';
  $('answer-body').textContent = body.slice(0, MOST_SHOWN) + more;
  $('answer-body').hidden = body === '';
  $('answer').hidden = false;
}

async function leadAway(step, text) {
  busy(text);
  try {
    await step();
  } catch (error) {
    tell(error);
    show('signed-out');
  }
}

$('sign-in').addEventListener('click', () => leadAway(() => session.begin(), 'To the sign-in pages…'));
$('sign-out').addEventListener('click', () => leadAway(() => session.end(), 'Signing out…'));
$('problem-again').addEventListener('click', start);
$('look').addEventListener('click', look);
$('method').addEventListener('change', () => {
  $('body-field').hidden = $('method').value !== 'POST';
});
$('request').addEventListener('submit', ask);
start();
