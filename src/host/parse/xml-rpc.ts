/** A value of XML-RPC (http://xmlrpc.com/spec.md); dates and base64 stay text. */
export type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value }

/** An element as xml2js returns it: its text, or its children by name. */
type Element = string | { readonly [name: string]: readonly Element[] }

export const callOf = (method: string): string =>
  `<?xml version="1.0"?><methodCall><methodName>${method}</methodName><params></params></methodCall>`

/** The value in a method's response. Throws if the response is a fault or incomplete. */
export async function resultOf(response: string): Promise<Value> {
  const { parseStringPromise } = await import('xml2js')
  const shape = { explicitRoot: false, ignoreAttrs: true }
  const answer: Element | null = await parseStringPromise(response, shape).catch((error: Error) => {
    throw new Error(`XML-RPC: ${error.message.replaceAll('\n', ' ')}`)
  })
  const [fault] = children(answer ?? '', 'fault')
  if (fault !== undefined) throw new Error(`XML-RPC: fault ${JSON.stringify(read(child(fault, 'value')))}`)
  return read(child(child(child(answer ?? '', 'params'), 'param'), 'value'))
}

/** The content of `<value>`; without a type it is a string. */
function read(element: Element): Value {
  if (typeof element === 'string') return element
  const [type = '', contents = []] = Object.entries(element)[0] ?? []
  const content = contents[0] ?? ''
  if (type === 'array') return children(child(content, 'data'), 'value').map(read)
  if (type === 'struct') return Object.fromEntries(children(content, 'member').map(readMember))
  if (typeof content !== 'string') throw new Error(`XML-RPC: unexpected elements in <${type}>`)
  if (type === 'boolean') return content.trim() === '1'
  if (!/^(int|i[48]|double)$/.test(type)) return content
  const value = content.trim() === '' ? Number.NaN : Number(content)
  if (Number.isNaN(value)) throw new Error(`XML-RPC: ${JSON.stringify(content.slice(0, 80))} is not of type ${type}`)
  return value
}

const readMember = (member: Element): [name: string, value: Value] => [
  String(child(member, 'name')),
  read(child(member, 'value')),
]

function children(element: Element, name: string): readonly Element[] {
  return typeof element === 'string' ? [] : (element[name] ?? [])
}

function child(element: Element, name: string): Element {
  const [first] = children(element, name)
  if (first === undefined) throw new Error(`XML-RPC: <${name}> is missing`)
  return first
}
