export async function load(_paths: unknown, _file: string): Promise<void> {}
