import assert from 'node:assert/strict';
import fc from 'fast-check';
import { boundedList, boundedText } from '../../agent/src/annotate/text.js';

describe('the bounds of an attribute', () => {
  it('cut a text at a character', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 400 }),
        fc.integer({ min: 3, max: 300 }),
        (text, bytes) => {
          const bounded = boundedText(text, bytes);
          assert.ok(Buffer.byteLength(bounded) <= bytes);
          assert.ok(!bounded.includes('\ufffd') || text.includes('\ufffd'));
          assert.ok(bounded === text || text.startsWith(bounded.slice(0, -1)));
        },
      ),
    );
  });

  it('keep as many items of a list as fit', () => {
    assert.deepEqual(boundedList(['a', 'b']), ['a', 'b']);
    const long = boundedList(Array.from({ length: 1000 }, (_, index) => `thread ${index}`));
    assert.equal(long.at(-1), '…');
    assert.ok(long.length > 100);
  });
});
