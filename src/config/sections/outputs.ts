import { createHash } from 'node:crypto'
import { type ConfiguredOutput, cursorNameOf, type OutputContext, type OutputKind } from '../../output.ts'
import { blocksOf, type Shape } from '../schema/schema.ts'

type FileContext = Omit<OutputContext, 'place' | 'isAlone' | 'file'>

/** Every output of the file, kind after kind, in the order of the blocks. */
export async function outputsOf(
  file: Shape,
  kinds: readonly OutputKind[],
  context: FileContext,
): Promise<readonly ConfiguredOutput[]> {
  const outputs: ConfiguredOutput[] = []
  for (const kind of kinds) {
    const blocks = blocksOf(file, kind)
    for (const [i, block] of blocks.entries()) {
      const at = { ...context, file, place: `${kind.kind}[${i}]`, isAlone: blocks.length === 1 }
      const options = await kind.options(block as never, at)
      outputs.push({ kind, options: { ...options, digest: digestOf(block, file, kind, context) } })
    }
  }
  for (const { kind, options } of repeated(outputs))
    context.problems.push(`${kind.kind}: two blocks have the name ${options.name}, expected unique names`)
  return outputs
}

/** Digest of everything that affects an output. It covers secrets and does not reveal them. */
function digestOf(block: unknown, file: Shape, { globals = {} }: OutputKind, context: FileContext): string {
  const shared = Object.keys(globals).map((key) => (file as Readonly<Record<string, unknown>>)[key])
  const words = [block, shared, file.global, context.identity, context.intervalMs]
  return createHash('sha256').update(JSON.stringify(words)).digest('hex')
}

/** The first output of each group with the same name. */
function repeated(outputs: readonly ConfiguredOutput[]): readonly ConfiguredOutput[] {
  const groups = [...Map.groupBy(outputs, cursorNameOf).values()]
  return groups.filter(({ length }) => length > 1).flatMap(([first]) => first ?? [])
}
