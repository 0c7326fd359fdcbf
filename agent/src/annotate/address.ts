/** The 16 bytes of a socket's peer address as text. */

const MAPPED_PREFIX = '0:0:0:0:0:ffff';

function groupsOf(bytes: Uint8Array): number[] {
  return Array.from(
    { length: 8 },
    (_, group) => ((bytes[group * 2] ?? 0) << 8) | (bytes[group * 2 + 1] ?? 0),
  );
}

/** The longest run of at least two zero groups, the first of equal ones (RFC 5952, section 4.2). */
function zeroRun(groups: readonly number[]): { start: number; length: number } | undefined {
  let best = { start: 0, length: 1 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best.length > 1 ? best : undefined;
}

/** 192.0.2.1 or 2001:db8::1; undefined: none (all zero). */
export function addressText(bytes: Uint8Array): string | undefined {
  if (bytes.every((byte) => byte === 0)) return undefined;
  const groups = groupsOf(bytes);
  const hex = groups.map((group) => group.toString(16));
  if (hex.slice(0, 6).join(':') === MAPPED_PREFIX) return bytes.subarray(12, 16).join('.');
  const zeros = zeroRun(groups);
  if (zeros === undefined) return hex.join(':');
  return `${hex.slice(0, zeros.start).join(':')}::${hex.slice(zeros.start + zeros.length).join(':')}`;
}
