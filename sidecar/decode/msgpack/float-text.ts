/** The smallest float32 with all its digits; below it there are fewer. */
const smallestNormalFloat32 = 2 ** -126

/**
 * A float as the shortest decimal text that reads back as the same float. Whole numbers keep ".0", as Fluent Bit prints them, so
 * that a field does not change its type from record to record. JSON has no NaN and no infinity: they become null.
 */
export function floatText(value: number, isFloat32: boolean): string {
  if (!Number.isFinite(value)) return 'null'
  if (Object.is(value, -0)) return '-0.0'
  const text = String(isFloat32 ? shortestFloat32(value) : value)
  return /[.e]/.test(text) ? text : `${text}.0`
}

/**
 * The double whose text is the shortest for a float32: 0.1, not 0.10000000149011612. Six digits survive the way through a float32
 * and nine tell any two apart.
 */
function shortestFloat32(value: number): number {
  for (let digits = Math.abs(value) < smallestNormalFloat32 ? 1 : 6; digits < 9; digits += 1) {
    const candidate = Number(value.toPrecision(digits))
    if (Math.fround(candidate) === value) return candidate
  }
  return Number(value.toPrecision(9))
}
