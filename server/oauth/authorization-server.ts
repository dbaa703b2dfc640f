import { type Configuration, Provider, type TokenEndpointGrantContext } from 'oidc-provider'
import { keepForPosting } from './answer-elsewhere.ts'
import { checkTokenRequest, sayWhatWasGranted } from './token-request.ts'

type Names = string | readonly string[] | ReadonlySet<string>

/** oidc-provider with the registrations of its own that must be replaced. */
export class AuthorizationServer extends Provider {
  readonly #permissions: ReadonlySet<string>

  constructor(issuer: string, configuration: Configuration, permissions: readonly string[]) {
    super(issuer, configuration)
    this.#permissions = new Set(permissions)
  }

  /** Applies our rules to every grant of the token endpoint. */
  override registerGrantType<Params extends object>(
    name: string,
    handler: (ctx: TokenEndpointGrantContext<Params>) => Promise<void> | void,
    parameters?: Names,
    duplicates?: Names,
  ): void {
    const checked = async (ctx: TokenEndpointGrantContext<Params>): Promise<void> => {
      await checkTokenRequest(ctx, this.#permissions)
      await handler(ctx)
      sayWhatWasGranted(ctx)
    }
    super.registerGrantType(name, checked, parameters, duplicates)
  }

  /**
   * The library's page for `response_mode=form_post` is blocked by our Content-Security-Policy; this one keeps the
   * fields for our own page.
   */
  override registerResponseMode(...[name, handler]: Parameters<Provider['registerResponseMode']>): void {
    super.registerResponseMode(name, name === 'form_post' ? keepForPosting : handler)
  }
}
