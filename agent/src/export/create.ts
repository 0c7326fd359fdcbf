/** The exporter that a configuration asks for. */
import type { Config } from '../../../schemas/config/schema.js';
import { Copied } from './copies.js';
import type { SpanExporter } from './exporter.js';
import { Gate } from './gate.js';
import type { ExportLimits } from './limits.js';
import { OtlpSender } from './otlp.js';
import { ExportQueue, queueDefaults } from './queue.js';

/**
 * `limits` stay the caller's, who sets them anew after a reload. `copies`, by name: beside the console they get what
 * that gets; beside a tracer, which takes what is sampled and within the limits, they get all. onReceiver: as ExportQueue's `reported`.
 */
export function createExporter(
  config: Config['export'],
  console: SpanExporter,
  copies: Readonly<Record<string, SpanExporter>>,
  limits: ExportLimits,
  onReceiver: (problem: string | undefined) => void,
): SpanExporter {
  switch (config.to) {
    case 'console':
      return new Gate(new Copied(console, copies), { limits, unsampled: true });
    case 'otlp': {
      const queue = new ExportQueue(new OtlpSender(config.otlp), queueDefaults, onReceiver);
      return new Copied(new Gate(queue, { limits, unsampled: false }), copies);
    }
  }
}
