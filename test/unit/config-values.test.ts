import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { jsonSchema, referencePage } from '../../agent/src/config/reference.js';
import { thresholds } from '../../agent/src/config/rules.js';
import { configKeys } from '../../schemas/config/keys.js';
import { formatDuration, parseDuration } from '../../schemas/config/duration.js';
import { formatSize, parseSize } from '../../schemas/config/size.js';

describe('durations and sizes', () => {
  it('are exact, with a unit and fractions', () => {
    assert.equal(parseDuration('1.5s'), 1_500_000_000n);
    assert.equal(parseDuration('0.000000001s'), 1n);
    assert.equal(parseDuration('50µs'), 50_000n);
    assert.equal(parseSize('64MiB'), 67_108_864);
    assert.equal(parseSize('1.5KiB'), 1536);
  });

  it('without a unit, or with one that is not known, are none', () => {
    for (const text of ['50', '', 'ms', '-1s', '1 s', '1e3s', '1d', '1S', '.5s']) {
      assert.equal(parseDuration(text), undefined, text);
    }
    for (const text of ['64', '64MB', '64mib', '-1MiB', 'MiB']) {
      assert.equal(parseSize(text), undefined, text);
    }
  });

  it('are written so that they read back as the same number', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 86_400_000_000_000n), (ns) => parseDuration(formatDuration(ns)) === ns),
    );
    fc.assert(fc.property(fc.nat(2 ** 31), (bytes) => parseSize(formatSize(bytes)) === bytes));
  });
});

describe('the rules of thresholds', () => {
  const table = thresholds({
    threshold: 50n,
    rules: [
      { service: 'checkout', operation: 'POST /orders*', threshold: 20n },
      { service: 'checkout', operation: 'GET /items/{id}', threshold: 30n },
      { service: 'batch-*', threshold: 900n },
      { service: 'batch-2', operation: 'x', threshold: 1n },
    ],
  });

  it('take the first that matches service and operation', () => {
    assert.equal(table.of('checkout', 'POST /orders/7'), 20n);
    assert.equal(table.of('checkout', 'GET /items/{id}'), 30n);
    assert.equal(table.of('checkout', 'GET /items/i'), 50n);
    assert.equal(table.of('my-checkout', 'POST /orders'), 50n);
    assert.equal(table.of('batch-2', 'x'), 900n);
  });

  it('know the lowest threshold that an operation of a service can get', () => {
    assert.equal(table.lowestOf('checkout'), 20n);
    assert.equal(table.lowestOf('other'), 50n);
    assert.equal(table.lowestOf('batch-2'), 900n);
  });
});

describe('the reference of the configuration', () => {
  it('is the page in docs/', () => {
    const page = readFileSync(join('docs', 'configuration.md'), 'utf8');
    assert.equal(page, referencePage(), 'run: npx sltagent config docs > docs/configuration.md');
  });

  it('describes every key', () => {
    for (const key of configKeys) {
      assert.ok(key.description.length > 10, key.name);
    }
  });

  it('as a JSON schema has every key and refuses others', () => {
    const schema = jsonSchema() as { properties: Record<string, unknown>; additionalProperties: unknown };
    assert.deepEqual(Object.keys(schema.properties), [...new Set(configKeys.map(({ path }) => path[0]))]);
    assert.equal(schema.additionalProperties, false);
  });
});
