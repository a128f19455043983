import type { Random } from './ports.ts'

export type RetryPolicy = {
  readonly maxAttempts: number
  readonly baseIntervalMs: number
  readonly maxIntervalMs: number
}

/**
 * The pause before attempt `attempt + 1`, after `attempt` failures (1 or more): exponential with full jitter, so that many
 * sidecars that lost Kusto together do not come back together. At least a tenth of the ceiling, so that it never spins.
 */
export function backoffMs(policy: RetryPolicy, attempt: number, random: Random): number {
  const ceiling = Math.min(policy.maxIntervalMs, policy.baseIntervalMs * 2 ** Math.min(attempt - 1, 30))
  return Math.round(ceiling * (0.1 + 0.9 * random.next()))
}
