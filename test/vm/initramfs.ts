/**
 * An initial file system for a kernel: a cpio archive in the "newc" format
 * (Documentation/driver-api/early-userspace/buffer-format.rst). It is written
 * here because cpio(1) takes owner and device nodes from the host's files, so it would
 * need root and a staging folder.
 */
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFCHR = 0o020000;

export type InitramfsEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly content: Uint8Array;
      readonly executable?: boolean;
    }
  | { readonly kind: 'character'; readonly path: string; readonly major: number; readonly minor: number };

/** The archive of these entries. A path has no leading slash; its folder is an entry before it. */
export function packInitramfs(entries: readonly InitramfsEntry[]): Buffer {
  const parts: Buffer[] = [];
  entries.forEach((entry, index) => parts.push(...packEntry(entry, index + 1)));
  parts.push(...packEntry({ kind: 'file', path: 'TRAILER!!!', content: new Uint8Array() }, 0));
  return Buffer.concat(parts);
}

function packEntry(entry: InitramfsEntry, inode: number): Buffer[] {
  const content = entry.kind === 'file' ? entry.content : new Uint8Array();
  const device = entry.kind === 'character' ? [entry.major, entry.minor] : [0, 0];
  const name = Buffer.from(`${entry.path}\0`);
  const fields = [
    inode,
    modeOf(entry),
    0, // owner: root
    0, // group: root
    entry.kind === 'directory' ? 2 : 1, // links
    0, // modified: 1970
    content.length,
    0, // the device that it is on
    0,
    ...device,
    name.length,
    0, // check sum: not in this variant
  ];
  const header = Buffer.from('070701' + fields.map((field) => field.toString(16).padStart(8, '0')).join(''));
  return [padded(Buffer.concat([header, name])), padded(content)];
}

function modeOf(entry: InitramfsEntry): number {
  switch (entry.kind) {
    case 'directory':
      return S_IFDIR | 0o755;
    case 'character':
      return S_IFCHR | 0o600;
    case 'file':
      return S_IFREG | (entry.executable === true ? 0o755 : 0o644);
  }
}

/** Header with name, and content, each end at a multiple of four bytes. */
function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
