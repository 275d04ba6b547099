/** What steps on one backend took. */
export interface StepProfile {
  readonly backend: string;
  readonly items: number;
  readonly batchSize: number;
  readonly negatives: number;
  readonly steps: number;
  readonly microsecondsPerExample: number;
  /** Of the processor, all its cores. */
  readonly cpuMicrosecondsPerExample: number;
  /** Where operations can be told from the rest: on TensorFlow's own backend. */
  readonly operationsPerStep?: number;
  /** All but the operations, copies to and from the device included: what is left of a step when these cost nothing. */
  readonly hostMicrosecondsPerExample?: number;
  readonly bytesToDevicePerExample?: number;
  readonly bytesFromDevicePerExample?: number;
  readonly peakMemoryBytes: number;
}
