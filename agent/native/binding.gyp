# Two builds of one addon: Release, and Debug, which has AddressSanitizer and
# UndefinedBehaviorSanitizer in it (test/native/addon-sanitizers.test.ts).
{
  'targets': [
    {
      'target_name': 'sltagent',
      'sources': [
        'src/addon.cc',
        'src/arguments.cc',
        'src/batch.cc',
        'src/environment.cc',
        'src/error.cc',
        'src/exec.cc',
        'src/features.cc',
        'src/global_variable.cc',
        'src/link.cc',
        'src/log.cc',
        'src/map.cc',
        'src/map_entries.cc',
        'src/memlock.cc',
        'src/object.cc',
        'src/object_handle.cc',
        'src/program.cc',
        'src/ring_drain.cc',
        'src/ring_reader.cc',
        'src/system_calls.cc',
        'src/uprobe_multi.cc',
      ],
      'defines': [
        'NAPI_VERSION=8',
        'NAPI_CPP_EXCEPTIONS',
        # A worker that is being terminated takes no exception; that must not abort the process.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
      ],
      'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-Wno-unused-parameter'],
      'cflags!': ['-Wno-unused-parameter'],
      'cflags_cc': [
        '-std=c++17',
        '-Wall',
        '-Wextra',
        '-Werror',
        '-fvisibility=hidden',
        '-fvisibility-inlines-hidden',
        '-fstack-protector-strong',
        '<!@(pkg-config --cflags libbpf)',
        "<!@(node -p \"'-isystem ' + require('path').resolve(require('node-addon-api').include_dir)\")",
        # Node's own headers do not compile without warnings.
        '-isystem <(node_root_dir)/include/node',
      ],
      # nodelete: libbpf keeps a pointer to our print function, and a worker's end closes its addons.
      'ldflags': ['-Wl,-z,relro,-z,now,-z,nodelete', '-Wl,--version-script,<(module_root_dir)/exports.map'],
      'libraries': ['<!@(pkg-config --libs libbpf libelf)'],
      'configurations': {
        'Release': {
          'cflags_cc': ['-O2', '-g1'],
          'defines': ['_FORTIFY_SOURCE=2'],
        },
        'Debug': {
          'cflags_cc': ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
          'cflags_cc!': ['-O0'],
          'ldflags': ['-fsanitize=address,undefined'],
        },
      },
    },
  ],
}
