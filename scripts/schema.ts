import { writeFileSync } from 'node:fs'
import { toJsonSchema } from '@valibot/to-json-schema'
import { collectors } from '../src/collectors/index.ts'
import { shapeOf } from '../src/config/schema/schema.ts'
import { outputKinds } from '../test/support/outputs.ts'

/** The JSON Schema of the configuration: the text of config.schema.json. */
export function schemaText(): string {
  const schema = toJsonSchema(shapeOf({ collectors, outputKinds }), { errorMode: 'ignore' })
  return `${JSON.stringify({ title: 'hostpush configuration', ...schema }, null, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('../config.schema.json', import.meta.url), schemaText())
