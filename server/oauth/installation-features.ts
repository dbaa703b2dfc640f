import { type Configuration, errors } from 'oidc-provider'
import type { Catalog } from '../base/catalog.ts'
import { apiResource } from './api-resource.ts'
import { checkInstallationDetail } from './installation-request.ts'

type Features = NonNullable<Configuration['features']>

/** The audience of access tokens (RFC 8707), and the installation in a token response (RFC 9396). */
export function installationFeatures(publicUrl: string, catalog: Catalog) {
  const api = apiResource(publicUrl)
  const scope = catalog.map(permission => permission.name).join(' ')
  return {
    resourceIndicators: {
      enabled: true,
      // RFC 9396 requests need a resource; any other request gets one token for both /v1 and userinfo.
      defaultResource: async (ctx, _client, oneOf) =>
        oneOf !== undefined || ctx.oidc.params?.['authorization_details'] ? api : [],
      getResourceServerInfo: async (_ctx, resource) => {
        if (resource !== api) throw new errors.InvalidTarget('unknown resource')
        return { scope, accessTokenFormat: 'opaque' }
      },
      useGrantedResource: async () => true,
    },
    richAuthorizationRequests: {
      enabled: true,
      types: { installation: { validate: async (ctx, detail) => checkInstallationDetail(ctx, detail) } },
      authorizationDetailsForGrantSource: async ctx => ctx.oidc.entities.Grant?.rar,
      // The grant loses permissions with its app; a token that is being refreshed may still name more.
      authorizationDetailsForAccessToken: async (ctx, _token, source) => ctx.oidc.entities.Grant?.rar ?? source?.rar,
      authorizationDetailsForIntrospection: async (_ctx, token) => token.rar,
    },
  } satisfies Pick<Features, 'resourceIndicators' | 'richAuthorizationRequests'>
}
