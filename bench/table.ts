/** A row for people. */
import type { Row } from './row.js';

function figure(value: number): string {
  const digits = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 10 ? 1 : 3;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function formatRow(row: Row): string {
  const name = `${row.bench.padEnd(10)} ${row.case.padEnd(34)}`;
  const value = `${figure(row.value)} ${row.unit}`.padStart(22);
  if (row.ratio === null || row.baseline === null || row.low === null || row.high === null) {
    return `${name} ${value}`;
  }
  const against = `against ${figure(row.baseline)}`.padEnd(17);
  const ratio = `× ${row.ratio.toFixed(3)} (${row.low.toFixed(3)}–${row.high.toFixed(3)}, n=${row.n})`;
  const budget = row.budget === null ? '' : `  ≤ ${row.budget} ${row.ok ? 'met' : 'MISSED'}`;
  return `${name} ${value}  ${against} ${ratio}${budget}`;
}
