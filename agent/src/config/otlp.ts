import type { Config } from '../../../schemas/config/schema.js';

/**
 * Where traces are sent. Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter", endpoint URLs for
 * OTLP/HTTP: a general endpoint is a base to which the signal's path is added, a signal's own is used as it is.
 */
export function tracesUrl({ endpoint, traces_endpoint: own, protocol }: Config['export']['otlp']): string {
  if (own !== undefined) {
    return own;
  }
  if (protocol === 'grpc') {
    return endpoint ?? 'http://localhost:4317';
  }
  const url = new URL(endpoint ?? 'http://localhost:4318');
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  return url.toString();
}
