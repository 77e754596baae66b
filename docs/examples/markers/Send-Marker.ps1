# Publish-job markers with PowerShell 5.1 or 7 alone. Dot-source it, and put your own calls between start and end:
#
#   . ./Send-Marker.ps1
#   $run = [DateTime]::UtcNow.ToString('yyyyMMddTHHmmssZ')
#   Send-Marker start weekly $run -Strategy batch -BatchSize 50 -Attributes @{ pause = '2s' }
#   $outcome = 'aborted'
#   try {
#       # ... your own calls, and after each batch:
#       Send-Marker batch weekly $run -BatchSize 50
#       $outcome = 'ok'
#   } catch {
#       $outcome = 'failed'
#       throw
#   } finally {
#       Send-Marker end weekly $run -Outcome $outcome
#   }
#
# Address and token are taken from MONITOR_URL (http://127.0.0.1:9464 unless set) and MONITOR_TOKEN. The first call
# above sends:
#   {"job":"weekly","run_id":"20261124T160000Z","phase":"start","time":"2026-11-24T16:00:00.000Z","strategy":"batch","batch_size":50,"attributes":{"pause":"2s"}}
# A marker that does not arrive costs a warning and a few seconds, and never the script.

function Send-Marker {
    param(
        [Parameter(Mandatory, Position = 0)] [ValidateSet('start', 'batch', 'end')] [string] $Phase,
        [Parameter(Mandatory, Position = 1)] [string] $Job,
        [Parameter(Mandatory, Position = 2)] [string] $RunId,
        [string] $Strategy,
        [ValidateRange(0, 1000000)] [int] $BatchSize,
        [ValidateRange(0, 1000000)] [int] $Agents,
        [ValidateSet('ok', 'failed', 'aborted')] [string] $Outcome,
        [hashtable] $Attributes = @{}
    )
    try {
        $invariant = [Globalization.CultureInfo]::InvariantCulture
        $marker = [ordered]@{
            job    = $Job
            run_id = $RunId
            phase  = $Phase
            time   = [DateTime]::UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", $invariant)
        }
        if ($Strategy) { $marker['strategy'] = $Strategy }
        if ($PSBoundParameters.ContainsKey('BatchSize')) { $marker['batch_size'] = $BatchSize }
        if ($PSBoundParameters.ContainsKey('Agents')) { $marker['agents'] = $Agents }
        if ($Outcome) { $marker['outcome'] = $Outcome }
        if ($Attributes.Count) { $marker['attributes'] = $Attributes }
        $body = [Text.Encoding]::UTF8.GetBytes((ConvertTo-Json -InputObject $marker -Compress))
        $url = if ($env:MONITOR_URL) { $env:MONITOR_URL } else { 'http://127.0.0.1:9464' }
        $headers = @{}
        if ($env:MONITOR_TOKEN) { $headers['Authorization'] = "Bearer $($env:MONITOR_TOKEN)" }
        $null = Invoke-RestMethod -Method Post -Uri "$url/markers" -Headers $headers -Body $body `
            -ContentType 'application/json' -TimeoutSec 3
    } catch {
        Write-Warning "the $Phase marker of $Job (run $RunId) has not arrived: $($_.Exception.Message)"
    }
}
