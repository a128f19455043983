/** How dead letters that are replayed come back into the pipeline. */
import { type ReplayedLetter, blockOfLetter } from './dead-letter/replayed-letter.ts'
import type { Intake, Router } from './core/ports.ts'
import type { BodyIntake, Room } from './http/body-intake.ts'

export type TakeAgainStages = {
  readonly batcher: Intake
  readonly router: Router
  /** Made with `durable`. */
  readonly replayIntake: BodyIntake
}

/** Nobody else has a letter that is replayed, so "received in memory" is not enough to remove it. */
export function durable(intake: Intake): Intake {
  return {
    ensureRoom: (parts) => intake.ensureRoom(parts),
    append: (parts, mark, onThrough) =>
      intake.append(
        parts.map(({ target, block }) => ({
          target: target.guarantee === 'none' ? { ...target, guarantee: 'at_least_once' } : target,
          block,
        })),
        mark,
        onThrough,
      ),
  }
}

/** A replay bounds what is in work itself, so that no room has to be asked for. */
const unboundedRoom: Room = {
  take: async () => undefined,
  hasRoom: () => true,
  count: () => undefined,
  hold: () => () => undefined,
}

/** Through the whole pipeline, or, when it went through a part of it before, through the rest. */
export async function takeAgain(
  letter: ReplayedLetter,
  { batcher, router, replayIntake }: TakeAgainStages,
): Promise<{ deadLetters: number }> {
  const { origin, bytes } = letter
  if (origin.kind === 'request') return replayIntake.take(bytes, origin.head, unboundedRoom)
  await durable(batcher).append([
    { target: router.targetFor(origin.destination), block: blockOfLetter(letter) },
  ])
  return { deadLetters: 0 }
}
