/** The attributes of the span of one system call, under the rules of attributes.ts. */
import type { Declarations } from './attributes.js';

const notAsked = '`data.arguments` is `none`';

/** Of the sub-span of one system call, which has the call's name. */
export const callAttributes = {
  number: { name: 'slt.syscall.number', type: 'int', meaning: 'its number on x86-64' },
  wait: {
    name: 'slt.syscall.wait',
    type: 'boolean',
    meaning:
      'true: not the whole call but one sleep in it, from the switch to the wake-up; nothing is known of its result',
    absent: 'it is a call from its entry to its exit',
  },
  duration: {
    name: 'slt.syscall.duration_us',
    type: 'int',
    unit: 'µs',
    meaning: 'entry to exit; the sub-span is shorter where the call reached over an end of its parent',
  },
  result: {
    name: 'slt.syscall.result',
    type: 'int',
    meaning: 'what it returned',
    absent: 'it failed, it returns an address, or it is a wait',
  },
  errno: {
    name: 'slt.syscall.errno',
    type: 'string',
    meaning: 'the errno of a failed call by name. ERESTART*: a signal interrupted it',
    absent: 'it did not fail, or it is a wait',
  },
  blocked: {
    name: 'slt.syscall.blocked_us',
    type: 'int',
    unit: 'µs',
    meaning: 'how much of it the thread slept',
  },
  runqueue: {
    name: 'slt.syscall.runqueue_us',
    type: 'int',
    unit: 'µs',
    meaning: 'how much of it, after a wait how long from the wake-up on, the thread waited for a CPU',
  },
  descriptorNumber: {
    name: 'slt.syscall.descriptor.number',
    type: 'int',
    meaning: 'the descriptor that it waited for, else the one that it was called on',
    absent: `it has none, or ${notAsked}`,
  },
  descriptorKind: {
    name: 'slt.syscall.descriptor.kind',
    type: 'string',
    meaning: 'what that descriptor is: one of the list below',
    absent: `the call was short, or ${notAsked}`,
  },
  operation: {
    name: 'slt.syscall.operation',
    type: 'string',
    meaning: 'which of its operations, by name: FUTEX_WAIT_PRIVATE, F_GETFL, MADV_DONTNEED',
    absent: `it has only one, or ${notAsked}`,
  },
  flags: {
    name: 'slt.syscall.flags',
    type: 'string',
    meaning: 'its flags by name, as "O_WRONLY|O_CREAT"; unknown bits in hex',
    absent: `it takes none that are decoded, or ${notAsked}`,
  },
  asked: {
    name: 'slt.syscall.asked_bytes',
    type: 'int',
    unit: 'By',
    meaning: 'the size that it was called with',
    absent: `it takes none, or ${notAsked}`,
  },
  done: {
    name: 'slt.syscall.done_bytes',
    type: 'int',
    unit: 'By',
    meaning: 'how much of it was done',
    absent: `it failed, does not say, is a wait, or ${notAsked}`,
  },
  timeout: {
    name: 'slt.syscall.timeout_us',
    type: 'int',
    unit: 'µs',
    meaning: 'how long it would wait at most',
    absent: `for ever, the limit is not a plain argument, or ${notAsked}`,
  },
  futexWord: {
    name: 'slt.syscall.futex_word',
    type: 'string',
    meaning: 'the address of the futex, in hex: waits for the same lock have the same',
    absent: 'it is no futex call, or `data.arguments` is not `full`',
  },
  filePath: {
    name: 'file.path',
    type: 'string',
    meaning: 'the path of the descriptor’s file',
    absent: 'it could not be found for certain, or `data.arguments` is not `full`',
  },
  transport: {
    name: 'network.transport',
    type: 'string',
    meaning: '`tcp` or `udp`',
    absent: `it is no such socket, the call was short, or ${notAsked}`,
  },
  localPort: {
    name: 'network.local.port',
    type: 'int',
    meaning: 'the socket’s own port',
    absent: `as \`network.transport\``,
  },
  peerPort: {
    name: 'network.peer.port',
    type: 'int',
    meaning: 'the port at the other end',
    absent: 'not connected, or as `network.transport`',
  },
  peerAddress: {
    name: 'network.peer.address',
    type: 'string',
    meaning: 'the address of the other end',
    absent: 'not connected, or `data.arguments` is not `full`',
  },
  threadId: {
    name: 'thread.id',
    type: 'int',
    meaning: 'the thread that made it, by its number in the initial pid namespace',
  },
  threadName: {
    name: 'thread.name',
    type: 'string',
    meaning: 'its name',
    absent: 'it had exited before it was looked up',
  },
} as const satisfies Declarations;
