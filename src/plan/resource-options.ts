/** What a user says of memory, CPUs and devices beyond the three limits that most ask for. Pure. */

export interface ResourceOptions {
  /** Memory and swap together, as Docker counts; -1 is unlimited. Absent: as much swap again as memory. */
  memorySwapBytes?: number;
}
