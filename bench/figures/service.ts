/** The service of figure A (service/shop.py) as its users run it, on the measured CPU. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from '../../test/demo/child.js';
import { sltagent } from '../../test/demo/agent.js';
import { root } from '../../test/helpers/compile.js';
import { processCpuSeconds } from '../process-time.js';
import { MEASURED_CPU } from '../workload.js';

const environment = join(root, 'build', 'python', 'test', 'bin');
const START_MS = 60_000;
const LISTENING = /Listening at: http:\/\/127\.0\.0\.1:(\d+)/;
const BOOTED = /Booting worker with pid: (\d+)/;
/** As many requests as are worked on at once. */
export const THREADS = 4;

/** preloaded: with the SDK, under `sltagent exec`. */
export type Instrumentation = 'untraced' | 'sdk' | 'preloaded';

const LAUNCHERS: Readonly<Record<Instrumentation, readonly string[]>> = {
  untraced: [],
  sdk: [join(environment, 'opentelemetry-instrument')],
  preloaded: [sltagent, 'exec', '--', join(environment, 'opentelemetry-instrument')],
};

export class ShopService {
  private constructor(
    readonly port: number,
    private readonly child: Child,
    private readonly folder: string,
    private readonly worker: number,
  ) {
    process.once('exit', this.#killAndRemove);
  }

  /** When nothing can be awaited: gunicorn's worker outlives its master for a while, and writes to the folder. */
  readonly #killAndRemove = (): void => {
    this.child.kill();
    try {
      process.kill(this.worker, 'SIGKILL');
      this.#remove();
    } catch {
      // It has gone already, or a last file was written: nothing of it is in anyone's way.
    }
  };

  readonly #remove = (): void => {
    rmSync(this.folder, { recursive: true, force: true });
  };

  /**
   * otlpPort: where its spans go. seed: of Python's hashes. Services of one round share it, so that they do not differ
   * in the luck that a process has with it. more: variables of its environment.
   */
  static async start(
    instrumentation: Instrumentation,
    otlpPort: number,
    seed: number,
    more: Readonly<Record<string, string>> = {},
  ): Promise<ShopService> {
    // Not in /tmp, which may lie in memory: the database and the files are to be on a disk.
    mkdirSync(join(root, 'build'), { recursive: true });
    const folder = mkdtempSync(join(root, 'build', 'shop-'));
    const child = new Child(
      `the service (${instrumentation})`,
      'taskset',
      [
        '-c',
        String(MEASURED_CPU),
        ...LAUNCHERS[instrumentation],
        join(environment, 'gunicorn'),
        '--no-control-socket',
        ...['--worker-class', 'gthread', '--workers', '1', '--threads', String(THREADS)],
        ...['--bind', '127.0.0.1:0', '--chdir', join(root, 'bench', 'figures', 'service'), 'shop:app'],
      ],
      {
        env: {
          ...process.env,
          PYTHONHASHSEED: String(seed),
          PYTHONDONTWRITEBYTECODE: '1',
          SHOP_DATA: folder,
          OTEL_SERVICE_NAME: 'shop',
          OTEL_TRACES_EXPORTER: 'otlp_proto_http',
          OTEL_METRICS_EXPORTER: 'none',
          OTEL_LOGS_EXPORTER: 'none',
          OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${otlpPort}`,
          ...more,
        },
      },
    );
    const [listening, booted] = await Promise.all([
      child.line(LISTENING, START_MS),
      child.line(BOOTED, START_MS),
    ]);
    return new ShopService(Number(listening[1]), child, folder, Number(booted[1]));
  }

  /** Of the process that answers. */
  cpuSeconds(): number {
    return processCpuSeconds(this.worker);
  }

  async stop(): Promise<void> {
    await this.child.end();
    process.off('exit', this.#killAndRemove);
    this.#remove();
  }
}
