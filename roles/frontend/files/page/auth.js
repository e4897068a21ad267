// Signs people in at the platform's user pool: the authorization code flow with PKCE, for a client without a secret.
// Access and ID token stay in memory. What renews them is kept for this tab, so that it may be loaded again.
const ATTEMPT = 'sign-in-attempt';
const REFRESH = 'refresh-token';
// Tokens are renewed that many milliseconds before their end.
const EARLY = 60_000;
// What clocks may differ by, in seconds.
const SKEW = 300;

export class SignInError extends Error {}

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

const challengeOf = async (verifier) =>
  base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));

// The token comes from the user pool itself over TLS, so its signature tells nothing more.
function claimsOf(token) {
  try {
    const text = atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (one) => one.charCodeAt(0))));
  } catch {
    throw new SignInError("The user pool has sent a token that can't be read.");
  }
}

export class Session {
  #config;
  #access = null;
  #claims = null;
  #until = 0;
  #renewal = null;

  constructor(config) {
    this.#config = config;
  }

  // What the ID token says of the person, or null.
  get person() {
    return this.#claims;
  }

  // Leads to the sign-in pages, and from there back to the callback. Without a scope it is for all those of the client.
  async begin() {
    const attempt = { verifier: random(), state: random(), nonce: random() };
    sessionStorage.setItem(ATTEMPT, JSON.stringify(attempt));
    this.#leave('/oauth2/authorize', {
      response_type: 'code',
      client_id: this.#config.client_id,
      redirect_uri: this.#here('/callback'),
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await challengeOf(attempt.verifier),
      code_challenge_method: 'S256',
    });
  }

  // What the sign-in pages have sent along to the callback. An attempt is good for one answer.
  async finish(query) {
    const attempt = JSON.parse(sessionStorage.getItem(ATTEMPT) ?? 'null');
    sessionStorage.removeItem(ATTEMPT);
    if (!attempt || query.get('state') !== attempt.state) {
      throw new SignInError('This answer belongs to no sign-in of this tab. Sign in again.');
    }
    if (query.has('error')) {
      throw new SignInError(`The user pool says: ${query.get('error_description') ?? query.get('error')}.`);
    }
    const tokens = await this.#ask({
      grant_type: 'authorization_code',
      code: query.get('code') ?? '',
      redirect_uri: this.#here('/callback'),
      code_verifier: attempt.verifier,
    });
    this.#keep(tokens, attempt.nonce);
  }

  // Whether the person of this tab is still signed in.
  async resume() {
    if (!sessionStorage.getItem(REFRESH)) {
      return false;
    }
    await this.renew();
    return this.#claims !== null;
  }

  // New tokens; once for all that ask at the same time.
  renew() {
    this.#renewal ??= this.#renewed().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  // A token for the gateways, or null for someone whose sign-in has ended.
  async token() {
    if (Date.now() > this.#until - EARLY) {
      await this.renew();
    }
    return this.#access;
  }

  async end() {
    const token = sessionStorage.getItem(REFRESH);
    this.#forget();
    if (token) {
      // The way out is open, whatever comes of this.
      await this.#post('/oauth2/revoke', { token }).catch(() => null);
    }
    this.#leave('/logout', { client_id: this.#config.client_id, logout_uri: this.#here('/logout') });
  }

  async #renewed() {
    const token = sessionStorage.getItem(REFRESH);
    if (!token) {
      this.#forget();
      return;
    }
    try {
      this.#keep(await this.#ask({ grant_type: 'refresh_token', refresh_token: token }));
    } catch (error) {
      if (error.code !== 'invalid_grant') {
        throw error;
      }
      this.#forget();
    }
  }

  #keep(tokens, nonce) {
    const claims = claimsOf(tokens.id_token ?? '');
    const { issuer, client_id: client } = this.#config;
    const wrong =
      claims.iss !== issuer ||
      claims.aud !== client ||
      claims.token_use !== 'id' ||
      !(claims.exp > Date.now() / 1000 - SKEW) ||
      (nonce !== undefined && claims.nonce !== nonce) ||
      (this.#claims !== null && claims.sub !== this.#claims.sub);
    if (wrong) {
      this.#forget();
      throw new SignInError("The user pool has sent a token that isn't for this sign-in. Sign in again.");
    }
    this.#claims = claims;
    this.#access = tokens.access_token;
    this.#until = Date.now() + tokens.expires_in * 1000;
    if (tokens.refresh_token) {
      sessionStorage.setItem(REFRESH, tokens.refresh_token);
    }
  }

  #forget() {
    sessionStorage.removeItem(REFRESH);
    this.#access = this.#claims = null;
    this.#until = 0;
  }

  async #ask(form) {
    const answer = await this.#post('/oauth2/token', form);
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      const reason = told.error_description ?? told.error ?? `status ${answer.status}`;
      throw Object.assign(new SignInError(`The user pool gives no tokens: ${reason}.`), { code: told.error });
    }
    return told;
  }

  async #post(path, form) {
    const body = new URLSearchParams({ client_id: this.#config.client_id, ...form });
    try {
      return await fetch(this.#config.sign_in_url + path, { method: 'POST', body, credentials: 'omit' });
    } catch {
      throw new SignInError("The user pool can't be reached. Check the connection, and try again.");
    }
  }

  #here(path) {
    return location.origin + path;
  }

  #leave(path, query) {
    location.assign(`${this.#config.sign_in_url}${path}?${new URLSearchParams(query)}`);
  }
}
