import { readFileSync } from 'node:fs'
import type { Headers, Target } from '../http/request.ts'
import { messageOf, Secret } from '../log.ts'
import type { TargetShape } from './shape.ts'

/** Where requests of an output go, and with which headers; problems are added with their place. */
export function targetOf(block: TargetShape, place: string, problems: string[]): Pick<Target, 'url' | 'headers'> {
  const url = new URL(block.url)
  const credentials = credentialsOf(block, url, place, problems)
  url.username = ''
  url.password = ''
  const own = block.headers ?? {}
  return { url, headers: () => ({ ...own, ...credentials() }) }
}

type Credentials = () => Headers

/** The `authorization` header's maker. Files are read for each request: a new token needs no restart. */
function credentialsOf(block: TargetShape, url: URL, place: string, problems: string[]): Credentials {
  const { basic_auth: basic, authorization: token } = block
  const inUrl = url.username !== '' || url.password !== ''
  const kinds = [basic && 'basic_auth', token && 'authorization', inUrl && 'credentials in the URL'].filter(Boolean)
  if (kinds.length > 1) problems.push(`${place}: ${kinds.join(' and ')} cannot be used together; keep one`)
  if (inUrl) {
    const user = decodeURIComponent(url.username)
    const password = new Secret(decodeURIComponent(url.password))
    return () => basicHeader(user, password)
  }
  if (basic !== undefined) {
    const user = textOrFile(basic.username, basic.username_file, `${place}.basic_auth.username`, problems)
    const password = textOrFile(basic.password, basic.password_file, `${place}.basic_auth.password`, problems)
    return () => basicHeader(user().reveal(), password())
  }
  if (token === undefined) return () => ({})
  const type = token.type ?? 'Bearer'
  if (type.toLowerCase() === 'basic') problems.push(`${place}.authorization.type: for Basic use basic_auth`)
  const credentials = textOrFile(
    token.credentials,
    token.credentials_file,
    `${place}.authorization.credentials`,
    problems,
  )
  return () => ({ authorization: `${type} ${credentials().reveal()}` })
}

function basicHeader(user: string, password: Secret): Headers {
  return { authorization: `Basic ${Buffer.from(`${user}:${password.reveal()}`).toString('base64')}` }
}

/** A value that is given as it is or in a file, not both; the file is read once now, so that a wrong one is said. */
function textOrFile(
  text: string | undefined,
  file: string | undefined,
  place: string,
  problems: string[],
): () => Secret {
  if (text !== undefined && file !== undefined)
    problems.push(`${place}: is given twice, here and in ${place}_file; keep one`)
  if (file === undefined) {
    const secret = new Secret(text ?? '')
    return () => secret
  }
  const read = () => {
    try {
      return new Secret(readFileSync(file, 'utf8').trim())
    } catch (error) {
      throw new Error(`${place}_file: ${file} cannot be read: ${messageOf(error)}`)
    }
  }
  try {
    read()
  } catch (error) {
    problems.push(messageOf(error))
  }
  return read
}
