/** Which capture each process gets: by rule, by what its providers told, and by escalation. */
import assert from 'node:assert/strict';
import { mock } from 'node:test';
import type { ProcessCapture } from '../../agent/src/backend/backend.js';
import { Captures } from '../../agent/src/cli/captures.js';
import { Escalation } from '../../agent/src/cli/escalation.js';
import { loadConfig } from '../../agent/src/config/load.js';
import type { ProcessKey } from '../../agent/src/spans/evidence.js';
import type { Config } from '../../schemas/config/schema.js';
import { until } from '../helpers/until.js';

const S = 1_000_000_000n;
const one: ProcessKey = { pid: 1, startNs: 1n };
const two: ProcessKey = { pid: 2, startNs: 1n };

function configured(text: string): Config {
  return loadConfig({ file: { path: 'slt.yaml', text }, environment: {}, flags: [] }).config;
}

class Told {
  readonly captures = new Map<number, ProcessCapture>();
  setCapture({ pid }: ProcessKey, capture: ProcessCapture): void {
    this.captures.set(pid, capture);
  }
  mode(process: ProcessKey): string | undefined {
    const capture = this.captures.get(process.pid);
    return capture?.escalated === true ? `${capture.mode}, escalated` : capture?.mode;
  }
}

interface Escalated {
  readonly captures: Captures;
  readonly told: Told;
  readonly said: readonly string[];
  /** Of the timers that wait, none of which rings by itself. */
  readonly rings: (() => void)[];
}

/** Process one has just been slow once, which is enough for a while of this duration. */
function whileEscalated(duration: string, check: (escalated: Escalated) => void): void {
  const told = new Told();
  const said: string[] = [];
  const rings: (() => void)[] = [];
  const timers = mock.method(globalThis, 'setTimeout', (ring: () => void) => {
    rings.push(ring);
    return { unref: () => undefined };
  });
  try {
    const text = `capture: escalate\nescalate: { slow_spans: 1, window: 1m, duration: ${duration} }`;
    const captures = new Captures(told, configured(text), (_, until) => said.push(until));
    captures.processStarted(one, 0, 'shop');
    captures.slowSpan(one, 'shop', 'GET /');
    check({ captures, told, said, rings });
  } finally {
    timers.mock.restore();
  }
}

describe('the capture of a process', () => {
  it('is that of the first rule for its service which names one', () => {
    const told = new Told();
    const text = `capture: blocking
rules:
  - { service: checkout, threshold: 1ms }
  - { service: "check*", capture: all }
  - { service: checkout, capture: blocking }`;
    const captures = new Captures(told, configured(text));
    captures.processStarted(one, 0, 'checkout');
    captures.processStarted(two, 0, 'cart');
    assert.deepEqual([told.mode(one), told.mode(two)], ['all', 'blocking']);
  });

  it('follows what its providers tell rather than its environment, and is all when one of them needs it', () => {
    const told = new Told();
    const captures = new Captures(
      told,
      configured('capture: blocking\nrules: [{ service: shop, capture: all }]'),
    );
    captures.processStarted(one, 0, 'shop');
    captures.serviceTold(one, 'cart');
    assert.equal(told.mode(one), 'blocking');
    captures.serviceTold(one, 'shop');
    assert.equal(told.mode(one), 'all');
  });

  it('changes with a reload, for processes that are there', () => {
    const told = new Told();
    const captures = new Captures(told, configured('capture: all'));
    captures.processStarted(one, 0, 'shop');
    captures.reload(configured('capture: blocking'));
    assert.equal(told.mode(one), 'blocking');
  });

  it('is all for a while after slow spans of one operation, for that service of that user only', async () => {
    const told = new Told();
    const said: string[] = [];
    const text = 'capture: escalate\nescalate: { slow_spans: 2, window: 1m, duration: 1s }';
    const captures = new Captures(told, configured(text), (service, until) =>
      said.push(`${service} ${until}`),
    );
    captures.processStarted(one, 0, 'shop');
    captures.processStarted(two, 1000, 'shop');
    captures.slowSpan(one, 'shop', 'GET /a');
    captures.slowSpan(one, 'shop', 'GET /b');
    assert.equal(told.mode(one), 'blocking', 'one of each is not two of one');
    captures.slowSpan(one, 'shop', 'GET /a');
    assert.deepEqual([told.mode(one), told.mode(two)], ['all, escalated', 'blocking']);
    await until(() => said.length > 1, 'the while is over');
    assert.equal(told.mode(one), 'blocking');
    assert.deepEqual(said, ['shop begins', 'shop ends']);
  });

  it('ends no while that a reload has ended', () => {
    whileEscalated('1ms', ({ captures, told, said, rings }) => {
      captures.reload(configured('capture: all'));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      for (const ring of rings) ring();
      assert.equal(told.mode(one), 'all');
      assert.deepEqual(said, ['begins']);
    });
  });

  it('is all until the while is over, also where a timer rings too early', () => {
    whileEscalated('1h', ({ told, said, rings }) => {
      rings.shift()?.();
      assert.equal(told.mode(one), 'all, escalated');
      assert.deepEqual(said, ['begins']);
      assert.equal(rings.length, 1, 'its end is still to come');
    });
  });
});

describe('an escalation', () => {
  const settings = { slow_spans: 3, window: 10n * S, duration: 5n * S };

  it('needs its slow spans within the window', () => {
    const escalation = new Escalation(settings);
    assert.equal(escalation.slowSpan('shop', 'GET /', 0n), false);
    assert.equal(escalation.slowSpan('shop', 'GET /', 4n * S), false);
    assert.equal(escalation.slowSpan('shop', 'GET /', 11n * S), false, 'the first is too old');
    assert.equal(escalation.slowSpan('shop', 'GET /', 12n * S), true);
  });

  it('ends when its time is over, and needs all of them again', () => {
    const escalation = new Escalation({ ...settings, slow_spans: 1 });
    assert.equal(escalation.slowSpan('shop', 'GET /', 0n), true);
    assert.equal(escalation.slowSpan('shop', 'GET /', 1n * S), false, 'it is under way');
    assert.equal(escalation.isEscalated('shop', 4n * S), true);
    assert.equal(escalation.isEscalated('shop', 5n * S), false);
    assert.equal(escalation.slowSpan('shop', 'GET /', 6n * S), true);
  });

  it('forgets services that it has not heard of for long, so that names which never come again cost nothing', () => {
    const escalation = new Escalation({ ...settings, slow_spans: 2 });
    escalation.slowSpan('shop', 'GET /', 0n);
    for (let i = 0; i < 2000; i++) escalation.slowSpan(`shop-${i}`, 'GET /', 1n);
    assert.equal(escalation.slowSpan('shop', 'GET /', 2n), false);
  });
});
