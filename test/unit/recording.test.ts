import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRecording, Recorder, RecordingError } from '../../agent/src/backend/recording.js';
import { ReplayBackend } from '../../agent/src/backend/replay.js';

describe('a recording', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'recording-'));
    path = join(folder, 'stream');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function record(): void {
    const recorder = new Recorder(path, (why) => assert.fail(why));
    recorder.facts({ process: { pid: 7, startNs: 2n ** 63n }, list: [1n, 'a', null] });
    recorder.batch(Uint8Array.of(1, 2, 3));
    recorder.batch(new Uint8Array(0));
    recorder.batch(new Uint8Array(100_000).fill(9));
    recorder.close();
  }

  it('gives back what was put in, in its order, with whole numbers as they were', () => {
    record();
    const entries = readRecording(path);
    assert.deepEqual(entries[0], {
      kind: 'facts',
      value: { process: { pid: 7, startNs: 2n ** 63n }, list: [1n, 'a', null] },
    });
    assert.deepEqual(
      entries.slice(1).map((entry) => (entry.kind === 'batch' ? [...entry.bytes] : entry)),
      [[1, 2, 3], [], Array.from({ length: 100_000 }, () => 9)],
    );
  });

  it('ends where its file takes no more, once, and the agent goes on', () => {
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDWR);
    const ended: string[] = [];
    const recorder = new Recorder(path, (why) => ended.push(why));
    closeSync(reader);
    recorder.batch(Uint8Array.of(1));
    recorder.batch(Uint8Array.of(2));
    recorder.close();
    assert.equal(ended.length, 1);
    assert.match(ended[0] ?? '', /stream takes no more, the recording ends here: EPIPE/);
  });

  it('is readable for its owner only', () => {
    record();
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('that was cut off ends before the entry that is not whole', () => {
    record();
    for (const [bytes, left] of [
      [10, 3],
      [100_000, 3],
      [100_009, 2],
    ] as const) {
      const whole = readFileSync(path);
      truncateSync(path, whole.length - bytes);
      assert.equal(readRecording(path).length, left);
      writeFileSync(path, whole);
    }
  });

  it('is refused when it is something else, or holds what this version does not know', () => {
    writeFileSync(path, 'sltagent recording 2\n');
    assert.throws(() => readRecording(path), RecordingError);
    writeFileSync(path, '');
    assert.throws(() => readRecording(path), RecordingError);
    record();
    appendFileSync(path, Uint8Array.of(77, 0, 0, 0, 0, 0, 0, 0));
    assert.throws(() => readRecording(path), /kind 77/);
  });

  it('is played again as it was delivered', async () => {
    record();
    const played: number[] = [];
    const backend = new ReplayBackend(readRecording(path));
    await backend.start({
      batch: (bytes) => played.push(bytes.length),
      warning: () => assert.fail('nothing to warn of'),
    });
    assert.deepEqual(played, [3, 0, 100_000]);
    assert.deepEqual([...backend.counters()], [['batches', 3n]]);
    await backend.stop();
  });
});
