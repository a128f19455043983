import { randomBytes } from 'node:crypto'
import type { Random } from '../core/ports.ts'

export const systemRandom: Random = {
  next: () => Math.random(),
  hex: (bytesCount) => randomBytes(bytesCount).toString('hex'),
}
