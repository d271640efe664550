import type { Owner, Tester } from '../../test/support/servers.ts'
import { type Figures, Host } from './host.ts'
import { type Kind, mimirTarget, otherTarget, type Target, type Variant, variantsOf } from './receivers.ts'
import type { Profile, Row } from './rows.ts'
import { Scene } from './scene.ts'

export interface Program {
  /** The command that runs hostpush, in parts. */
  readonly command: readonly string[]
  readonly version: string
}

export interface Result {
  readonly variant: Variant
  /** The host that started second, with the same labels. */
  readonly isSecond: boolean
  readonly figures: Figures
  /** The output of the agent. */
  readonly log: string
}

interface Wanted {
  readonly row: Row
  readonly kind: Kind
  readonly program: Program
  readonly profile: Profile
}

/** Ends what a row started, the last first. */
class Ends implements Tester {
  readonly #ends: (() => unknown)[] = []

  after(end: () => unknown): void {
    this.#ends.push(end)
  }

  skip(reason: string): void {
    throw new Error(reason)
  }

  /** Calls every end, also after one has failed. */
  async run(): Promise<void> {
    const errors: unknown[] = []
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      try {
        await end()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'not everything has ended')
  }
}

const signals = ['SIGINT', 'SIGTERM'] as const

async function owned<T>(action: (owner: Ends) => Promise<T>): Promise<T> {
  const owner = new Ends()
  const interrupt = () => void owner.run().finally(() => process.exit(1))
  for (const signal of signals) process.once(signal, interrupt)
  try {
    return await action(owner)
  } finally {
    await owner.run()
    for (const signal of signals) process.off(signal, interrupt)
  }
}

/** Runs all variants of a row at the same time. */
export function runRow({ row, kind, program, profile }: Wanted): Promise<readonly Result[]> {
  return owned(async (owner) => {
    const targetOf = await targetsFor(owner, row, kind)
    const limits = row.limits?.(profile) ?? {}
    const hosts: Host[] = []
    const clones: Host[] = []
    for (const variant of variantsOf(kind)) {
      const target = targetOf(variant)
      const tenant = `v${variant.version}-w${variant.window}`.replace('.', '-')
      await target.limit(tenant, { ...limits, out_of_order_time_window: variant.window === '0' ? '0s' : '10m' })
      const make = (replica: string) =>
        Host.create(owner, {
          ...{ program: program.command, target, variant, tenant },
          externalLabels: row.clone === 'HA replica' ? { cluster: tenant, __replica__: replica } : {},
        })
      hosts.push(await make('a'))
      if (row.clone !== undefined) clones.push(await make('b'))
    }
    const scene = new Scene(owner, hosts, [...new Set(hosts.map(({ target }) => target))])
    await row.prepare?.(scene)
    await scene.each((host) => host.start())
    await Promise.all(clones.map((clone) => clone.start()))
    await row.run(scene, profile)
    const results: Result[] = []
    for (const host of [...hosts, ...clones])
      results.push({
        ...{ variant: host.variant, isSecond: clones.includes(host) },
        ...{ figures: await host.figures(), log: host.log },
      })
    return results
  })
}

/** One Mimir has a tenant for each variant. Another receiver runs once for each variant. */
async function targetsFor(owner: Ends, row: Row, kind: Kind): Promise<(variant: Variant) => Target> {
  if (kind === 'mimir') {
    const target = required(await mimirTarget(owner, row.mimir))
    return () => target
  }
  const targets = new Map<string, Target>()
  for (const { window } of variantsOf(kind))
    if (!targets.has(window)) targets.set(window, required(await otherTarget(owner, kind, window)))
  return ({ window }) => {
    const target = targets.get(window)
    if (target === undefined) throw new Error(`no receiver with the window ${window}`)
    return target
  }
}

/** `Ends.skip` throws, so that a receiver is never missing here. */
function required(target: Target | undefined): Target {
  if (target === undefined) throw new Error('the receiver is missing')
  return target
}

/** Counts the series of this host without a fault. */
export function profileOf(program: Program, kind: Kind): Promise<Profile> {
  return owned(async (owner: Owner & Tester) => {
    const target = required(kind === 'mimir' ? await mimirTarget(owner) : await otherTarget(owner, kind, '0'))
    const variant: Variant = { version: '1.0', window: '0' }
    const host = await Host.create(owner, {
      ...{ program: program.command, target, variant, tenant: 'v1-0-w0' },
      externalLabels: {},
    })
    await host.start()
    await new Scene(owner, [host], [target]).wait(6)
    return { receiver: target.name, ...host.profile() }
  })
}
