/** Names for the kinds of descriptors that the kernel side tells apart. */
import { descriptorKinds } from '../../../schemas/evidence/lists.js';
import { FdKind } from '../wire/layout.js';

export interface DescriptorKind {
  readonly name: string;
  readonly words: string;
}

const kinds: ReadonlyMap<number, DescriptorKind> = new Map(
  (Object.keys(descriptorKinds) as (keyof typeof descriptorKinds)[]).map((key) => [
    FdKind[key],
    descriptorKinds[key],
  ]),
);

/** undefined: it was not looked at. */
export function descriptorKind(fdKind: number): DescriptorKind | undefined {
  return kinds.get(fdKind);
}

/** A call whose descriptor lies in slt_call.fd: it was slow, or slept on it. */
export function sawDescriptor(call: { readonly fdKind: number }): boolean {
  return call.fdKind !== FdKind.UNSEEN;
}
