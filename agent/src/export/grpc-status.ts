/** Which gRPC errors are final. The official gRPC exporter neither retries nor tells them apart. */

/**
 * Source: OTLP specification, "OTLP/gRPC", failures: a client should retry these, and only these. By number, as
 * grpc-js gives them: CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS.
 */
const RETRYABLE = new Set([1, 4, 10, 11, 14, 15]);

/** Retried only if the server says when: it will recover, and is not too small for the request. */
const RESOURCE_EXHAUSTED = 8;

export function isPermanentGrpcError(error: Error | undefined): boolean {
  if (error === undefined || !('code' in error) || typeof error.code !== 'number') {
    return false;
  }
  return error.code === RESOURCE_EXHAUSTED ? !hasRetryInfo(error) : !RETRYABLE.has(error.code);
}

/** The details are a google.rpc.Status whose entries each name their type in plain text. */
function hasRetryInfo(error: Error): boolean {
  if (!('metadata' in error) || !isMetadata(error.metadata)) {
    return false;
  }
  return error.metadata
    .get('grpc-status-details-bin')
    .some((details) => Buffer.isBuffer(details) && details.includes('google.rpc.RetryInfo'));
}

function isMetadata(value: unknown): value is { get(name: string): unknown[] } {
  return typeof value === 'object' && value !== null && 'get' in value && typeof value.get === 'function';
}
