import type { Random } from '../core/ports.ts'

/** How much the newest outcome weighs: after about ten outcomes the old ones hardly count. */
const weightOfNewest = 0.2

/**
 * Spreads the load over storage accounts and prefers those that work: Kusto hands out several, and one of them may be
 * throttled or down. The same idea as the ranking of the official SDKs, with chance injected.
 */
export class AccountRanking {
  readonly #random: Random
  /** Share of successes, weighted to the newest; an account without history counts as good. */
  readonly #successRates = new Map<string, number>()
  /** Containers and queues turn independently: one counter for both would step over every second one. */
  readonly #turns = new Map<string, number>()

  constructor(random: Random) {
    this.#random = random
  }

  report(account: string, isSuccess: boolean): void {
    const before = this.#successRates.get(account) ?? 1
    this.#successRates.set(account, before * (1 - weightOfNewest) + (isSuccess ? weightOfNewest : 0))
  }

  /** The resource to use now. Good accounts come in rotation; a failing one is still asked now and then, to notice its return. */
  choose<Resource extends { readonly account: string }>(
    kind: 'container' | 'queue',
    resources: readonly Resource[],
  ): Resource | undefined {
    // Starts anywhere, so that a fleet of sidecars does not begin at the same account.
    const turn = (this.#turns.get(kind) ?? Math.floor(this.#random.next() * 1000)) + 1
    this.#turns.set(kind, turn)
    const start = turn % Math.max(1, resources.length)
    const rotated = [...resources.slice(start), ...resources.slice(0, start)]
    const best = Math.max(...rotated.map((resource) => this.#rate(resource.account)))
    const isProbe = this.#random.next() < 0.05
    const candidates = isProbe
      ? rotated
      : rotated.filter((resource) => this.#rate(resource.account) >= best - 0.3)
    return candidates[0]
  }

  /** Accounts that are no longer handed out are forgotten. */
  retain(accounts: ReadonlySet<string>): void {
    for (const account of this.#successRates.keys())
      if (!accounts.has(account)) this.#successRates.delete(account)
  }

  #rate(account: string): number {
    return this.#successRates.get(account) ?? 1
  }
}
