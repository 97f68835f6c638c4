/*
 * A stand-in for pyxis, NVIDIA's SPANK plugin that runs tasks in containers: what a user of srun sees of it,
 * for tests on machines without enroot and without a registry. An image is a directory that holds a root
 * file system. What is kept, by the words of pyxis' own README and tests:
 *
 * - the options, their syntax and what is refused (a mount's source is a path, "tmpfs" or "umount");
 * - a task starts in the image's root, or in --container-workdir; mount points are made as needed;
 * - /proc, /sys and /dev are the node's; nothing else of the node is there but what is asked for;
 * - all exported variables arrive, but what the image sets (its /etc/environment) stays as it is;
 * - the command is looked for inside, and what fails ends the step with a line of srun's;
 * - an image that is no path is one of the registry, a directory of images, and is brought for each step; one that
 *   is not there is told in pyxis' and enroot's words;
 * - a container with a name stays on its node, where two that make it at once meet, and a step that finds one of
 *   its name runs in it, whatever image it asks for. Of the flags `create` and `no_exec` are there. `enroot remove`
 *   is a script: see __init__.py.
 *
 * What is not: the node's /tmp (it would show tests what they did not mount), squashfs, entry points, user
 * namespaces, steps that enter the container of a running one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <slurm/spank.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

SPANK_PLUGIN(pyxis, 1)

enum { IMAGE, MOUNTS, WORKDIR, NAME, FLAG };
static char *values[FLAG];

/* Where the container's root is made; each task has a mount namespace and so a tmpfs of its own there. */
static const char *scratch;

/* Where the images of the registry are. */
static const char *registry;

/* The image that the step's tasks run in, and whether there is one. */
static char image[PATH_MAX];
static int prepared;

static int failed(const char *what, const char *path)
{
	slurm_error("pyxis: couldn't %s %s: %s", what, path, strerror(errno));
	return -1;
}

static int remember(int which, const char *value, int remote)
{
	(void)remote;
	if (which == FLAG)
		return 0;
	free(values[which]);
	values[which] = strdup(value);
	return 0;
}

static struct spank_option options[] = {
	{ "container-image", "[USER@][REGISTRY#]IMAGE[:TAG]|PATH", "[pyxis] the image", 1, IMAGE, remember },
	{ "container-mounts", "SRC:DST[:FLAGS][,SRC:DST...]", "[pyxis] what to mount inside", 1, MOUNTS, remember },
	{ "container-workdir", "PATH", "[pyxis] where to start", 1, WORKDIR, remember },
	{ "container-name", "NAME", "[pyxis] the container's name", 1, NAME, remember },
	{ "container-mount-home", NULL, "[pyxis] mount the home directory", 0, FLAG, remember },
	{ "no-container-mount-home", NULL, "[pyxis] do not", 0, FLAG, remember },
	{ "container-remap-root", NULL, "[pyxis] be root inside", 0, FLAG, remember },
	{ "no-container-remap-root", NULL, "[pyxis] do not", 0, FLAG, remember },
	{ "container-writable", NULL, "[pyxis] let the root be written to", 0, FLAG, remember },
	SPANK_OPTIONS_TABLE_END
};

int slurm_spank_init(spank_t sp, int argc, char **argv)
{
	if (spank_context() != S_CTX_LOCAL && spank_context() != S_CTX_REMOTE)
		return 0;
	scratch = argc > 0 ? argv[0] : NULL;
	registry = argc > 1 ? argv[1] : NULL;
	for (struct spank_option *option = options; option->name; option++)
		if (spank_option_register(sp, option) != ESPANK_SUCCESS)
			return -1;
	return 0;
}

static int starts_like_a_path(const char *text)
{
	return *text == '.' || *text == '/';
}

/* Make the missing folders above a path. */
static void make_parents(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *at = copy + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(copy, 0755);
		*at = '/';
	}
}

static int bind_into(const char *root, const char *source, const char *target, const char *flags)
{
	char inside[PATH_MAX];
	struct stat found;
	int fd;

	if (stat(source, &found) < 0)
		return failed("mount", source);
	snprintf(inside, sizeof(inside), "%s/%s", root, target);
	make_parents(inside);
	if (S_ISDIR(found.st_mode))
		mkdir(inside, 0755);
	else if ((fd = open(inside, O_CREAT | O_WRONLY, 0644)) >= 0)
		close(fd);
	if (mount(source, inside, NULL, MS_BIND | MS_REC, NULL) < 0)
		return failed("mount", source);
	if (flags && !strcmp(flags, "ro") &&
	    mount(NULL, inside, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return failed("mount read-only", source);
	return 0;
}

static int mount_tmpfs(const char *root, const char *target)
{
	char inside[PATH_MAX];

	snprintf(inside, sizeof(inside), "%s/%s", root, target);
	make_parents(inside);
	mkdir(inside, 0755);
	return mount("tmpfs", inside, "tmpfs", 0, NULL) < 0 ? failed("mount a tmpfs on", target) : 0;
}

/* Look at every entry of --container-mounts; do them where there is a root to do them in. */
static int each_mount(const char *root)
{
	char *rest = values[MOUNTS] ? strdup(values[MOUNTS]) : NULL, *entry;

	while ((entry = strsep(&rest, ","))) {
		char *flags = entry, *source = strsep(&flags, ":"), *target = strsep(&flags, ":");

		if (!target)
			target = source;
		if (!*source || !*target) {
			slurm_error("pyxis: --container-mounts: invalid format: %s", values[MOUNTS]);
			return -1;
		}
		if (!starts_like_a_path(target) ||
		    (!starts_like_a_path(source) && strcmp(source, "tmpfs") && strcmp(source, "umount"))) {
			slurm_error("pyxis: mount source must be a relative path, an absolute path, "
				    "\"tmpfs\" or \"umount\": %s", source);
			return -1;
		}
		if (!root || !strcmp(source, "umount"))
			continue;
		if (starts_like_a_path(source) ? bind_into(root, source, target, flags) : mount_tmpfs(root, target))
			return -1;
	}
	return 0;
}

int slurm_spank_init_post_opt(spank_t sp, int argc, char **argv)
{
	(void)sp, (void)argc, (void)argv;
	return values[IMAGE] ? each_mount(NULL) : 0;
}

/* Tell who has brought an image, a line for each time. */
static void note_import(void)
{
	char path[PATH_MAX + 16], node[256] = "";
	int fd;

	snprintf(path, sizeof(path), "%s.imports", image);
	gethostname(node, sizeof(node) - 1);
	fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0644);
	if (fd >= 0) {
		dprintf(fd, "%s\n", node);
		close(fd);
	}
}

/* Find the image that is asked for; one of the registry is brought. */
static int import_image(void)
{
	const char *name = strchr(values[IMAGE], '#');
	struct stat found;

	if (starts_like_a_path(values[IMAGE])) {
		snprintf(image, sizeof(image), "%s", values[IMAGE]);
		return 0;
	}
	slurm_info("pyxis: importing docker image: %s", values[IMAGE]);
	snprintf(image, sizeof(image), "%s/%s", registry, name ? name + 1 : values[IMAGE]);
	if (stat(image, &found) == 0) {
		note_import();
		return 0;
	}
	slurm_error("pyxis: child 4711 failed with error code: 1");
	slurm_error("pyxis: failed to import docker image");
	slurm_error("pyxis: printing enroot log file:");
	slurm_error("pyxis:     [INFO] Fetching image manifest list");
	slurm_error("pyxis:     [ERROR] URL https://%s returned error code: 404 Not Found", values[IMAGE]);
	return -1;
}

/* Make the container that has a name, or take the one that is there: its image then. */
static int prepare_named(void)
{
	char folder[PATH_MAX], path[PATH_MAX + 16], name[256];
	const char *flag = strchr(values[NAME], ':');
	ssize_t size;
	int fd;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(values[NAME], ":"), values[NAME]);
	snprintf(folder, sizeof(folder), "%s/data/pyxis_%s", scratch, name);
	snprintf(path, sizeof(path), "%s/image", folder);
	make_parents(folder);
	if (access(folder, F_OK) == 0) {
		if (flag && !strcmp(flag, ":create")) {
			slurm_error("pyxis: error: \"create\" flag was passed to --container-name but the container already exists");
			return -1;
		}
		fd = open(path, O_RDONLY);
		size = fd < 0 ? -1 : read(fd, image, sizeof(image) - 1);
		if (size <= 0)
			return failed("start", folder);
		image[size] = '\0';
		close(fd);
		return 0;
	}
	if (import_image())
		return -1;
	usleep(200000); /* Unpacking takes its time, and somebody else may come. */
	if (mkdir(folder, 0755) < 0) {
		slurm_error("pyxis: failed to create container filesystem");
		slurm_error("pyxis:     [ERROR] File already exists: %s", folder);
		return -1;
	}
	fd = open(path, O_CREAT | O_WRONLY, 0644);
	if (fd < 0 || write(fd, image, strlen(image)) < 0)
		return failed("write", path);
	close(fd);
	return 0;
}

/* Once on each node; an error of this would not reach srun, so the tasks tell it (pyxis_slurmstepd.c has the why). */
int slurm_spank_user_init(spank_t sp, int argc, char **argv)
{
	(void)sp, (void)argc, (void)argv;
	if (values[IMAGE])
		prepared = values[NAME] ? prepare_named() : import_image();
	return 0;
}

/* A root that can be written to and is gone with the task: the image below, a tmpfs on top. */
static int make_root(char *root, size_t size)
{
	static const char *const of_the_node[] = { "/proc", "/sys", "/dev" };
	char words[4 * PATH_MAX], upper[PATH_MAX], work[PATH_MAX];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return failed("leave", "the node's mounts");
	if (mount("pyxis", scratch, "tmpfs", 0, NULL) < 0)
		return failed("mount a tmpfs on", scratch);
	snprintf(root, size, "%s/root", scratch);
	snprintf(upper, sizeof(upper), "%s/upper", scratch);
	snprintf(work, sizeof(work), "%s/work", scratch);
	mkdir(root, 0755), mkdir(upper, 0755), mkdir(work, 0755);
	snprintf(words, sizeof(words), "lowerdir=%s,upperdir=%s,workdir=%s", image, upper, work);
	if (mount("overlay", root, "overlay", 0, words) < 0)
		return failed("import", image);
	for (size_t i = 0; i < sizeof(of_the_node) / sizeof(*of_the_node); i++)
		if (bind_into(root, of_the_node[i], of_the_node[i], NULL))
			return -1;
	return each_mount(root);
}

/* What the image sets wins over what is exported. */
static void take_environment(spank_t sp)
{
	FILE *file = fopen("/etc/environment", "r");
	char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) > 0) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value++ = '\0';
		value[strcspn(value, "\n")] = '\0';
		spank_setenv(sp, line, value, 1);
	}
	free(line);
	if (file)
		fclose(file);
}

int slurm_spank_task_init_privileged(spank_t sp, int argc, char **argv)
{
	char root[PATH_MAX];

	(void)argc, (void)argv;
	if (!values[IMAGE])
		return 0;
	if (prepared < 0) {
		slurm_error("pyxis: couldn't start container");
		return -1;
	}
	if (make_root(root, sizeof(root)))
		return -1;
	if (chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return failed("enter", root);
	take_environment(sp);
	return 0;
}

/* Between the two Slurm has changed to the step's own directory, or to /tmp where that is not inside. */
int slurm_spank_task_init(spank_t sp, int argc, char **argv)
{
	const char *workdir = values[WORKDIR] ? values[WORKDIR] : "/";

	(void)sp, (void)argc, (void)argv;
	if (values[IMAGE] && chdir(workdir) < 0)
		return failed("chdir to", workdir);
	return 0;
}
