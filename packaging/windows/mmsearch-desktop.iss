; The Windows installer, for Inno Setup 6.3 or later: https://jrsoftware.org/ishelp/
; packaging/dev.py package calls: iscc /O<folder> /DBundle=<bundle> /DVersion=<version> <this file>
; It installs for one person, without an administrator's rights, and leaves the library, models and
; settings (%LOCALAPPDATA%\mmsearch-desktop) where they are when it is removed.

#ifndef Bundle
  #define Bundle "..\..\dist\mmsearch-desktop"
#endif
#ifndef Version
  #define Version "0"
#endif
#define Name "mmsearch-desktop"
#define Program "mmsearch-desktop.exe"

[Setup]
AppId={{6F1F6F4E-7A0C-5D3C-9D62-0F3A53B1D6E4}
AppName={#Name}
AppVersion={#Version}
AppVerName={#Name} {#Version}
AppPublisher=The mmsearch-desktop authors
DefaultDirName={autopf}\{#Name}
DefaultGroupName={#Name}
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0.17763
LicenseFile=..\..\LICENSE
SetupIconFile=..\..\build\package\icons\mmsearch-desktop.ico
UninstallDisplayIcon={app}\{#Program}
OutputBaseFilename={#Name}-{#Version}-setup
Compression=lzma2/max
SolidCompression=yes
LZMANumBlockThreads=2
WizardStyle=modern
ChangesAssociations=yes
CloseApplications=yes

[Languages]
Name: "english"; MessagesFile: "compiler:Default.isl"

[Tasks]
Name: "desktopicon"; Description: "{cm:CreateDesktopIcon}"; GroupDescription: "{cm:AdditionalIcons}"; Flags: unchecked
Name: "searchwith"; Description: "Add “Search with {#Name}” to the menu of folders and pictures"

[Files]
Source: "{#Bundle}\*"; DestDir: "{app}"; Flags: ignoreversion recursesubdirs createallsubdirs

[Icons]
Name: "{group}\{#Name}"; Filename: "{app}\{#Program}"
Name: "{autodesktop}\{#Name}"; Filename: "{app}\{#Program}"; Tasks: desktopicon

[Registry]
Root: HKA; Subkey: "Software\Classes\Directory\shell\{#Name}"; ValueType: string; ValueData: "Search with {#Name}"; Flags: uninsdeletekey; Tasks: searchwith
Root: HKA; Subkey: "Software\Classes\Directory\shell\{#Name}"; ValueType: string; ValueName: "Icon"; ValueData: "{app}\{#Program}"; Tasks: searchwith
Root: HKA; Subkey: "Software\Classes\Directory\shell\{#Name}\command"; ValueType: string; ValueData: """{app}\{#Program}"" --open ""%1"""; Tasks: searchwith
Root: HKA; Subkey: "Software\Classes\SystemFileAssociations\image\shell\{#Name}"; ValueType: string; ValueData: "Search with {#Name}"; Flags: uninsdeletekey; Tasks: searchwith
Root: HKA; Subkey: "Software\Classes\SystemFileAssociations\image\shell\{#Name}"; ValueType: string; ValueName: "Icon"; ValueData: "{app}\{#Program}"; Tasks: searchwith
Root: HKA; Subkey: "Software\Classes\SystemFileAssociations\image\shell\{#Name}\command"; ValueType: string; ValueData: """{app}\{#Program}"" --open ""%1"""; Tasks: searchwith

[Run]
Filename: "{app}\{#Program}"; Description: "{cm:LaunchProgram,{#Name}}"; Flags: nowait postinstall skipifsilent
