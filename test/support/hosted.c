/* A program whose loader is the image's: the kernel starts /loader with it. */
int main(void) { return 9; }
