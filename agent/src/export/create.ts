/** The exporter that a configuration asks for. */
import type { Config } from '../../../schemas/config/schema.js';
import type { SpanExporter } from './exporter.js';
import { Gate } from './gate.js';
import { ImmediateExporter, type SpanPrinter } from './immediate.js';
import type { ExportLimits } from './limits.js';
import { OtlpSender } from './otlp.js';
import { ExportQueue } from './queue.js';

/** `limits` stay the caller's, who sets them anew after a reload. */
export function createExporter(
  config: Config['export'],
  console: SpanPrinter,
  limits: ExportLimits,
): SpanExporter {
  switch (config.to) {
    case 'console':
      return new Gate(new ImmediateExporter(console), { limits, unsampled: true });
    case 'otlp':
      return new Gate(new ExportQueue(new OtlpSender(config.otlp)), { limits, unsampled: false });
  }
}
