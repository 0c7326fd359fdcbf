import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, type LogLevel } from '../../agent/src/telemetry/log.js';

describe('the log', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sltagent-log-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** What has reached the file by the time that the last call has returned. */
  function written(level: LogLevel, isTTY: boolean): string {
    const path = join(folder, 'log');
    const fd = openSync(path, 'w');
    try {
      const log = createLog(level, { fd, isTTY });
      log.debug('a detail');
      log.warn({ reason: 'ring full', records: 3 }, 'records were dropped');
      return readFileSync(path, 'utf8');
    } finally {
      closeSync(fd);
    }
  }

  it('is JSON with levels by name where it is no terminal', () => {
    const lines = written('info', false).trim().split('\n');
    assert.equal(lines.length, 1);
    const { time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    assert.deepEqual(rest, { level: 'warn', reason: 'ring full', records: 3, msg: 'records were dropped' });
    assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
  });

  it('is for people on a terminal', () => {
    assert.match(written('info', true), /WARN.*records were dropped.*ring full/);
  });

  it('says only what its level asks for', () => {
    assert.match(written('debug', false), /a detail/);
    assert.equal(written('silent', false), '');
  });
});
