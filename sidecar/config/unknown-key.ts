import { nearest } from './nearest.ts'
import { isItem, type Option, options } from './options.ts'
import { optionName } from './option-name.ts'
import { isUnavailableKey, unavailableText } from './unavailable.ts'

/** What to say about the key at the end of `path`, which the schema does not have there. */
export function unknownKeyText(path: readonly (string | number)[]): string {
  if (isUnavailableKey(path)) return unavailableText
  const key = String(path.at(-1))
  const parentName = optionName(path.slice(0, -1))
  const here = options.filter(
    (option) => isKey(option) && optionName(option.path.slice(0, -1)) === parentName,
  )
  const elsewhere = options.filter((option) => isKey(option) && !here.includes(option))

  const near = nearest(key, here.map(lastPart))
  const hints = near === undefined ? [] : [`did you mean "${near}"?`]
  const exact = elsewhere
    .filter((option) => lastPart(option) === key)
    .map((option) => `"${optionName(option.path)}"`)
  if (exact.length > 0) hints.push(`the key belongs to ${exact.join(' or ')}`)
  if (hints.length === 0) {
    const far = nearest(key, elsewhere.map(lastPart))
    const match = elsewhere.find((option) => lastPart(option) === far)
    if (match !== undefined) hints.push(`did you mean "${optionName(match.path)}"?`)
    else hints.push(`expected one of ${here.map((option) => `"${lastPart(option)}"`).join(', ')}`)
  }
  return ['unknown key', ...hints].join('; ')
}

function lastPart(option: Option): string {
  return option.path.at(-1) ?? ''
}

/** Not the root and not the item of a list. */
function isKey(option: Option): boolean {
  return lastPart(option) !== '' && !isItem(option)
}
