/** Collects attributes by their declarations in the catalogue, so that no other name and no other type can leave. */
import type { AttributeDeclaration } from '../../../schemas/evidence/attributes.js';
import type { Attributes, AttributeValue } from '../resolve/resolved.js';
import { boundedList, boundedText } from './text.js';

interface Values {
  readonly int: number;
  readonly string: string;
  readonly boolean: boolean;
  readonly 'string[]': readonly string[];
}
type ValueOf<D extends AttributeDeclaration> = Values[D['type']];

function bounded(value: AttributeValue): AttributeValue | undefined {
  if (typeof value === 'string') return boundedText(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  return typeof value === 'boolean' ? value : boundedList(value);
}

export class AttributeList {
  readonly #values: Record<string, AttributeValue> = {};

  /** undefined: was not measured, and stays absent. So does a number that is no exact integer. */
  set<D extends AttributeDeclaration>(
    declaration: D,
    value: ValueOf<D> | undefined,
    placeholder?: string,
  ): this {
    if (value === undefined) return this;
    const held = bounded(value);
    if (held === undefined) return this;
    this.#values[placeholder === undefined ? declaration.name : filled(declaration.name, placeholder)] = held;
    return this;
  }

  get attributes(): Attributes {
    return this.#values;
  }
}

/** Names that were filled in before: they are few, and a text that was seen is found sooner than made. */
const filledNames = new Map<string, Map<string, string>>();
const MOST_FILLED = 1024;

function filled(name: string, placeholder: string): string {
  const known = filledNames.get(name)?.get(placeholder);
  if (known !== undefined) return known;
  const made = name.replace(/<\w+>/, placeholder);
  const names = filledNames.get(name) ?? new Map<string, string>();
  filledNames.set(name, names);
  if (names.size < MOST_FILLED) names.set(placeholder, made);
  return made;
}
