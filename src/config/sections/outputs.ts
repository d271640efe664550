import { createHash } from 'node:crypto'
import type { ConfiguredOutput, OutputContext, OutputKind } from '../../output.ts'
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
    const firstPlaces = new Map<string, string>()
    for (const [i, block] of blocks.entries()) {
      const at = { ...context, file, place: `${kind.kind}[${i}]`, isAlone: blocks.length === 1 }
      const options = await kind.options(block as never, at)
      const first = firstPlaces.get(options.name)
      if (first === undefined) firstPlaces.set(options.name, at.place)
      else
        context.problems.push(
          `${at.place}.name: ${first} already has the name ${options.name}, choose a different name`,
        )
      outputs.push({ kind, options: { ...options, digest: digestOf(block, file, kind, context) } })
    }
  }
  return outputs
}

/** Digest of everything that affects an output. It covers secrets and does not reveal them. */
function digestOf(block: unknown, file: Shape, { kind, globals = {} }: OutputKind, context: FileContext): string {
  const shared = Object.keys(globals).map((key) => (file as Readonly<Record<string, unknown>>)[key])
  const words = [kind, block, shared, file.global, context.identity, context.intervalMs]
  return createHash('sha256').update(JSON.stringify(words)).digest('hex')
}
