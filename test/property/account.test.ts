/** Whatever was measured, what is told of a span's wall time adds up to it. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { accountOf, rounded } from '../../agent/src/annotate/account.js';
import { Class } from '../../agent/src/wire/layout.js';
import { accountedNs, spanEvidence } from '../helpers/evidence.js';

const time = fc.oneof(fc.constant(0), fc.nat({ max: 2000 }), fc.nat({ max: 10 ** 11 }));
const account = fc.array(time, { minLength: Class.CLASSES, maxLength: Class.CLASSES });
const wall = fc.integer({ min: 1, max: 10 ** 12 });

function addUp(numbers: Iterable<number>): number {
  return [...numbers].reduce((sum, number) => sum + number, 0);
}

describe('the account of a span', () => {
  it('adds up to the wall time, with what is unaccounted', () => {
    fc.assert(
      fc.property(wall, account, account, (wallNs, accountNs, childAccountNs) => {
        const found = accountOf(spanEvidence({ wallNs, accountNs, childAccountNs }));
        assert.ok(Math.abs(accountedNs(found) - wallNs) <= 1e-9 * wallNs + 1e-3);
        assert.ok(found.unaccountedNs >= 0);
        assert.ok([...found.total.values(), ...found.self.values()].every((ns) => ns >= 0));
      }),
      { numRuns: 2000 },
    );
  });

  it('adds up in whole microseconds too, each class less than one of them off', () => {
    fc.assert(
      fc.property(wall, account, account, (wallNs, accountNs, childAccountNs) => {
        const found = accountOf(spanEvidence({ wallNs, accountNs, childAccountNs }));
        const { wallUs, total, self } = rounded(found);
        assert.equal(addUp(total.values()), wallUs);
        for (const [name, ns] of found.total) {
          assert.ok(Math.abs((total.get(name) ?? 0) - ns / 1000) <= 1, name);
        }
        for (const us of [...total.values(), ...self.values()]) assert.ok(Number.isInteger(us) && us > 0);
      }),
      { numRuns: 2000 },
    );
  });

  it('tells no class of its own as more than that class with its children', () => {
    fc.assert(
      fc.property(wall, account, account, (wallNs, accountNs, childAccountNs) => {
        const measured = addUp(accountNs) + addUp(childAccountNs);
        // What overlaps is scaled, each of the two sums by itself.
        fc.pre(measured <= wallNs);
        const { self, total } = rounded(accountOf(spanEvidence({ wallNs, accountNs, childAccountNs })));
        for (const [name, us] of self) assert.ok(us <= (total.get(name) ?? 0), name);
      }),
    );
  });
});
