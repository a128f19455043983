export type Path = readonly (string | number)[]

/** What a check of a combination of values works with. */
export type Check = {
  /** Runs `compare` when none of the values at `paths` has a mistake of its own; only then are they of their types. */
  when(paths: readonly Path[], compare: () => void): void
  report(path: Path, message: string): void
}
