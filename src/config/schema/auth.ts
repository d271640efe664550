import * as v from 'valibot'
import type { SignatureAlgorithm } from '../../http/index.ts'
import { access, url } from './access.ts'
import { secretRef, unsupported } from './prometheus-keys.ts'
import { filled, flag, text, textOrNumber } from './values.ts'

/** Credentials of each kind. */

export const basicAuth = v.strictObject({
  username: v.optional(textOrNumber),
  username_file: v.optional(filled),
  password: v.optional(text),
  password_file: v.optional(filled),
  ...secretRef('username', 'password'),
})

export const authorization = v.strictObject({
  type: v.optional(filled),
  credentials: v.optional(text),
  credentials_file: v.optional(filled),
  ...secretRef('credentials'),
})

export const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const grants = ['', 'client_credentials', jwtBearer] as const
const signatures = ['RS256', 'RS384', 'RS512'] as const satisfies readonly SignatureAlgorithm[]

export const oauth2 = v.strictObject({
  client_id: filled,
  client_secret: v.optional(text),
  client_secret_file: v.optional(filled),
  token_url: url,
  scopes: v.optional(v.array(text, 'expected a list of scopes')),
  endpoint_params: v.optional(v.record(filled, text)),
  ...secretRef('client_secret', 'client_certificate_key'),
  grant_type: v.optional(v.picklist(grants, `expected one of ${grants.slice(1).join(', ')}`)),
  client_certificate_key: v.optional(filled),
  client_certificate_key_file: v.optional(filled),
  client_certificate_key_id: v.optional(filled),
  signature_algorithm: v.optional(v.picklist(signatures, `expected one of ${signatures.join(', ')}`)),
  audience: v.optional(filled),
  iss: v.optional(filled),
  claims: v.optional(v.record(filled, v.unknown())),
  ...access,
})

export const sigv4 = v.strictObject({
  region: v.optional(filled),
  access_key: v.optional(filled),
  secret_key: v.optional(filled),
  profile: v.optional(filled),
  role_arn: v.optional(filled),
  external_id: v.optional(filled),
  use_fips_sts_endpoint: v.optional(flag),
  service_name: v.optional(filled),
})

/** Dashes and braces are optional, as in Prometheus. */
const uuid = /^(urn:uuid:|\{)?[\da-f]{8}-?([\da-f]{4}-?){3}[\da-f]{12}\}?$/i
const clientId = v.pipe(text, v.regex(uuid, 'expected an application id: 8-4-4-4-12 hexadecimal digits'))
const tenantId = v.pipe(text, v.regex(/^[\w.-]+$/, 'expected a tenant id or a domain of the tenant'))
const clouds = ['AzurePublic', 'AzureChina', 'AzureGovernment'] as const

export const azuread = v.strictObject({
  cloud: v.optional(v.picklist(clouds, `expected one of ${clouds.join(', ')}`)),
  scope: v.optional(v.pipe(text, v.regex(/^[\w\s:/.\\-]+$/, 'expected a scope of letters, digits and : / . - _'))),
  managed_identity: v.optional(v.strictObject({ client_id: v.optional(clientId) })),
  oauth: v.optional(
    v.strictObject({
      client_id: clientId,
      client_secret: v.optional(text),
      client_secret_file: v.optional(filled),
      tenant_id: tenantId,
    }),
  ),
  workload_identity: v.optional(
    v.strictObject({ client_id: clientId, tenant_id: tenantId, token_file_path: v.optional(filled) }),
  ),
  certificate: v.optional(
    v.strictObject({
      client_id: clientId,
      tenant_id: tenantId,
      certificate_path: filled,
      certificate_key_path: v.optional(filled),
      certificate_password: unsupported(
        'not supported: expected a PEM file without a password (convert PKCS#12 with openssl pkcs12 -in FILE -noenc)',
      ),
      send_certificate_chain: v.optional(flag),
    }),
  ),
  sdk: unsupported('not supported, use managed_identity, workload_identity, certificate or oauth'),
})

export const googleIam = v.strictObject({ credentials_file: v.optional(filled) })
