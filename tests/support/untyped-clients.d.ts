/** What the tests use of OAuth clients that come without types. */
declare module 'simple-oauth2' {
  type Token = { token: Record<string, unknown>; refresh(params?: object): Promise<Token>; revokeAll(): Promise<void> }
  type Options = {
    client: { id: string; secret: string }
    auth: { tokenHost: string; tokenPath: string; authorizePath?: string; revokePath?: string }
  }
  export class AuthorizationCode {
    constructor(options: Options)
    authorizeURL(params: Record<string, string>): string
    getToken(params: Record<string, string>): Promise<Token>
  }
  export class ClientCredentials {
    constructor(options: Options)
    getToken(params: object): Promise<Token>
  }
}

declare module 'passport-oauth2' {
  type Verify = (
    accessToken: string,
    refreshToken: string,
    params: Record<string, unknown>,
    profile: object,
    done: (error: unknown, user?: object) => void,
  ) => void
  export default class Strategy {
    constructor(options: Record<string, unknown>, verify: Verify)
    _oauth2: {
      getOAuthAccessToken(
        code: string,
        params: Record<string, string>,
        done: (error: unknown, access: string, refresh: string, params: Record<string, unknown>) => void,
      ): void
    }
    authenticate(req: object, options?: object): void
  }
}
