/** What may be written to a terminal: colours where they are wanted, and no control characters of others. */

/**
 * Controls (C0, DEL, C1: a terminal obeys them), line and paragraph separators, and the marks that turn the direction of
 * text or take no room (Unicode's Bidi_Control and its like): a name could rewrite the screen with them, or look like another.
 */
const UNSAFE =
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** One or two UTF-16 units, as JSON and JavaScript write them: \u001b. */
function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
}

/** The same text with every such character written as an escape. Inside a JSON string it still reads as itself. */
export function harmless(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** Colour on a terminal only, and not where NO_COLOR (no-color.org) is set to anything. */
export function wantsColour(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
}

export interface Style {
  strong(text: string): string;
  faint(text: string): string;
  alarming(text: string): string;
}

function sequence(start: number, end: number): (text: string) => string {
  return (text) => `\x1b[${start}m${text}\x1b[${end}m`;
}

const plain = (text: string): string => text;

/** SGR sequences of ECMA-48, with the sequence that undoes just this one. */
export function styleOf(colour: boolean): Style {
  return colour
    ? { strong: sequence(1, 22), faint: sequence(2, 22), alarming: sequence(33, 39) }
    : { strong: plain, faint: plain, alarming: plain };
}
