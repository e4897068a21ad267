#!/bin/sh
# Makes a package with the names of Amazon's CloudWatch agent, whose service takes its configuration and waits, and says
# its checksum. Arguments: version, folder.
set -eu
made=$(mktemp -d)
mkdir -p "$made/DEBIAN" "$made/lib/systemd/system" "$made/opt/aws/amazon-cloudwatch-agent/etc"
cat > "$made/DEBIAN/control" <<END
Package: amazon-cloudwatch-agent
Version: $1-1
Architecture: all
Maintainer: Tests <tests@example.com>
Description: Stands in for the CloudWatch agent
END
cat > "$made/DEBIAN/postinst" <<END
#!/bin/sh
systemctl daemon-reload
END
cat > "$made/DEBIAN/prerm" <<END
#!/bin/sh
systemctl stop amazon-cloudwatch-agent
END
chmod 0755 "$made/DEBIAN/postinst" "$made/DEBIAN/prerm"
cat > "$made/lib/systemd/system/amazon-cloudwatch-agent.service" <<END
[Service]
ExecStart=/bin/sh -c 'cp /opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.json /run/log-agent.json; exec sleep infinity'

[Install]
WantedBy=multi-user.target
END
dpkg-deb --root-owner-group --build "$made" "$2/$1-amd64.deb" >&2
cp "$2/$1-amd64.deb" "$2/$1-arm64.deb"
rm -r "$made"
sha256sum "$2/$1-amd64.deb" | cut -d ' ' -f 1
