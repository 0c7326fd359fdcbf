/** The words for everything that interface.md names and that has no part behind it yet. */
export const NOT_BUILT = 'not built yet';
