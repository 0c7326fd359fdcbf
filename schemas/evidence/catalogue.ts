/** Looks attributes up by the name under which they leave. */
import { spanAttributes, type AttributeDeclaration } from './attributes.js';
import { callAttributes } from './call-attributes.js';
import { timeClasses } from './classes.js';

export type Carrier = 'span' | 'call';

const declarations: Readonly<Record<Carrier, readonly AttributeDeclaration[]>> = {
  span: Object.values(spanAttributes),
  call: Object.values(callAttributes),
};

const classNames = timeClasses.map(({ name }) => name.replaceAll('.', '\\.')).join('|');

/** What a placeholder can stand for. */
const PLACEHOLDERS: readonly (readonly [placeholder: string, pattern: string])[] = [
  ['<class>', `(?:${classNames})`],
  ['<call>', '[a-z0-9_]+'],
];

function patternOf({ name }: AttributeDeclaration): RegExp {
  const pattern = PLACEHOLDERS.reduce(
    (text, [placeholder, stands]) => text.replace(placeholder, stands),
    name.replaceAll('.', '\\.'),
  );
  return new RegExp(`^${pattern}$`);
}

const patterns: Readonly<Record<Carrier, readonly (readonly [RegExp, AttributeDeclaration])[]>> = {
  span: declarations.span.map((declaration) => [patternOf(declaration), declaration] as const),
  call: declarations.call.map((declaration) => [patternOf(declaration), declaration] as const),
};

/** The declaration behind a name; undefined: no such attribute is ever sent on this carrier. */
export function declarationOf(carrier: Carrier, name: string): AttributeDeclaration | undefined {
  return patterns[carrier].find(([pattern]) => pattern.test(name))?.[1];
}

export const attributeDeclarations = declarations;
