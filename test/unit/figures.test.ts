import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Distribution } from '../../bench/figures/distribution.js';
import { publication, readFigures } from '../../bench/figures/files.js';
import { root } from '../helpers/compile.js';

describe('the published figures', () => {
  for (const [path, text] of Object.entries(publication(readFigures()))) {
    it(`${path} is what the data in docs/figures gives (npm run figures writes it anew)`, () => {
      assert.ok(
        readFileSync(join(root, path), 'utf8') === text,
        `${path} is out of date: run npm run figures`,
      );
    });
  }

  it('are the same bytes when they are made twice in one process', () => {
    const figures = readFigures();
    assert.deepEqual(publication(figures), publication(figures));
  });
});

describe('the latencies of all rounds', () => {
  it('have the quantile of the nearest rank, whatever the order of the rounds', () => {
    const latencies = new Distribution([
      [3000, 1],
      [1000, 97],
      [2000, 2],
    ]);
    assert.equal(latencies.quantile(0.5), 1);
    assert.equal(latencies.quantile(0.97), 1);
    assert.equal(latencies.quantile(0.98), 2);
    assert.equal(latencies.quantile(1), 3);
  });

  it('name the percentiles of the plot exactly', () => {
    const shares = new Distribution([[1000, 10]]).curve().map(({ share }) => share);
    for (const share of [0.5, 0.9, 0.99, 0.999, 0.9999]) assert.ok(shares.includes(share));
  });
});
