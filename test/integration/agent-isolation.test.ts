/** Requests that run at the same time are never mixed up: each reads in a way that no other does, and only that is found on its span. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { Agent, assertCount, Service, type SlowSpan } from '../helpers/agent.js';
import { root } from '../helpers/compile.js';
import { endPrograms } from '../helpers/program.js';
import { PATIENCE_MS } from '../helpers/until.js';

const WORKERS = 32;
const TURNS = 15;
const demoEnvironment = join(root, 'build', 'python', 'demo', 'bin');
const demoService = join(root, 'test', 'fixtures', 'demo-service', 'service.py');

/** The values of an attribute that the kept calls of one name have, of which none may be another's. How many calls there were. */
function assertOwn(span: SlowSpan, call: string, attribute: string, own: unknown): number {
  const calls = span.calls.filter(({ name }) => name === call);
  for (const { attributes } of calls) {
    assert.equal(attributes[attribute], own, `${attribute} of ${call} in ${span.name}`);
  }
  return calls.length;
}

/** A path is told only while the descriptor is still open; then it is the span's own. */
function assertOwnPaths(span: SlowSpan, own: string): void {
  for (const { attributes } of span.calls) {
    const path = attributes['file.path'];
    assert.ok(path === undefined || path === own, `${String(path)} in ${span.name}`);
  }
}

describe(`the agent, of ${WORKERS} requests at once`, () => {
  let agent: Agent;
  let folder: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'agent-isolation-'));
    agent = await Agent.start({
      config: { threshold: '50ms', data: { arguments: 'full' }, limits: { annotated_per_second: 1000 } },
    });
    await agent.attached();
  });
  afterEach(async () => {
    await endPrograms();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const kind of ['threads', 'tasks']) {
    it(`puts the calls of ${kind} of one process on the span that made them, and on no other`, async () => {
      const program = await Service.python('files', [folder, kind, String(WORKERS)]);
      for (let round = 0; round < 3; round++) {
        program.say('go');
        let seen = 0;
        for (let worker = 0; worker < WORKERS; worker++) {
          const told = JSON.parse(await program.next()) as { span_id: string; number: number; size: number };
          const span = await agent.span(({ span_id }) => span_id === told.span_id);
          assert.equal(span.name, `worker ${told.number}`);
          for (const [call, count] of [
            ['openat', 1],
            ['pread64', TURNS],
            ['lseek', TURNS],
            ['close', 1],
          ] as const) {
            assertCount(span, call, count, `${span.name}, ${kind}, round ${round}`);
          }
          seen += assertOwn(span, 'pread64', 'slt.syscall.asked_bytes', told.size);
          seen += assertOwn(span, 'lseek', 'slt.syscall.result', told.size);
          assertOwnPaths(span, join(folder, `file-${told.number}`));
        }
        // In threads, waits for the interpreter's lock crowd some of them out.
        assert.ok(seen > WORKERS / 2, `${seen} calls were kept that tell whose they are`);
      }
    });
  }

  it('puts the calls of HTTP requests on the request that made them, and on no other', async () => {
    const service = Service.exec(
      [join(demoEnvironment, 'opentelemetry-instrument'), join(demoEnvironment, 'python'), demoService],
      { env: { DEMO_DATA: folder } },
    );
    const url = (await service.next()).replace('listening on ', '');
    const ask = async (name: string): Promise<string> => {
      const traceId = randomBytes(16).toString('hex');
      const response = await fetch(`${url}/file?name=${name}&times=${TURNS}`, {
        headers: { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` },
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const { bytes } = (await response.json()) as { bytes: number };
      assert.equal(bytes % TURNS, 0);
      return traceId;
    };
    const sizes = Array.from({ length: WORKERS }, (_, number) => 100 + number);
    for (const size of sizes) writeFileSync(join(folder, `file-${size}`), Buffer.alloc(size));
    // What the first request loads is not this test's.
    await ask('file-100');
    const asked = await Promise.all(
      sizes.map(async (size) => ({ size, traceId: await ask(`file-${size}`) })),
    );
    let seen = 0;
    for (const { size, traceId } of asked) {
      const span = await agent.span(({ trace_id }) => trace_id === traceId);
      assert.equal(span.name, 'GET /file');
      for (const call of ['openat', 'read', 'close']) assertCount(span, call, TURNS, `file-${size}`);
      seen += assertOwn(span, 'read', 'slt.syscall.result', size);
      assertOwnPaths(span, join(folder, `file-${size}`));
    }
    assert.ok(seen > WORKERS / 2, `${seen} calls were kept that tell whose they are`);
  });
});
